/ What leaves a database and comes back: backups, closed journal files for the object store, a start from both. Files that leave are flat, since that is how
/ they are stored: part-<serial>-<column> for a column of a part, journal-<generation>.log, numbers with ten digits; manifest.

.tsg.tenDigits:{[number] -10#"0000000000",string number}
.tsg.flatJournal:{[generation] "journal-",.tsg.tenDigits[generation],".log"}

.tsg.columnOfFlat:{[text] $[text~enlist "d";".d";text like "*-text";(-5_text),"#";text]}

/ ---- backup: its instant is links, made in the call; backup.sh does the rest on each volume, the timer answers [basics/internal#-30x] ----

.tsg.backups:([]handle:0#0i;name:0#`)                 / those under way; of a client that is gone none, whatever its backup.sh still does
.tsg.backupPath:{[volume;name] .tsg.joinPath[volume;`$"backup-",string name]}
.tsg.makingPath:{[name;volume;file] .tsg.joinPath[.tsg.joinPath[.tsg.backupPath[volume;name];`making];file]}

.tsg.backup:{[name]
  text:string name;
  if[(0=count text)|not all text in .Q.an,"-";.tsg.badCall ".tsg.backup: name has other characters than letters, digits, - and _"];
  if[name in .tsg.backups`name;.tsg.refuse enlist `EngineBusy];
  .tsg.beginBackup each .tsg.quoted each .tsg.backupPath[;name] each .tsg.volumes;
  .tsg.linkParts[name;.tsg.named] each til count .tsg.volumes;                      / a retention may have taken some since
  .tsg.link[.tsg.manifestPath `manifest;.tsg.joinPath[.tsg.backupPath[first .tsg.volumes;name];`manifest]];
  .tsg.linkJournal[name] each .tsg.journalsFrom .tsg.mergedGeneration;
  .tsg.startSums[name] each til count .tsg.volumes;
  `.tsg.backups insert (.z.w;name);
  -30!(::)}

/ What an attempt before left goes.
.tsg.beginBackup:{[home] .tsg.shell "rm -rf ",home," && mkdir -p ",home,"/making && touch ",home,"/making/running";}
.tsg.link:{[source;target] .tsg.shell "ln ",.tsg.quoted[source]," ",.tsg.quoted target;}

/ Whole directories.
.tsg.linkParts:{[name;parts;place]
  names:"part-",/:string exec serial from parts where volume=place;
  begin:"(cd ",.tsg.quoted[.tsg.volumes place]," && cp -rl -t backup-",string[name],"/making ";
  {[begin;names] .tsg.shell begin,(" " sv names),")";}[begin] each .tsg.inThousands names;}

/ The current file grows: backup.sh copies what is whole now.
.tsg.linkJournal:{[name;generation]
  volume:.tsg.volumes generation mod count .tsg.volumes;
  flat:`$.tsg.flatJournal generation;
  target:$[generation=.tsg.generation;.tsg.makingPath[name;volume;flat];.tsg.joinPath[.tsg.backupPath[volume;name];flat]];
  .tsg.link[.tsg.journalPath generation;target];}

.tsg.startSums:{[name;place]
  volume:.tsg.volumes place;
  current:$[place=.tsg.generation mod count .tsg.volumes;" ",.tsg.flatJournal[.tsg.generation]," ",string .tsg.offset;""];
  command:"script=$(realpath ",.tsg.quoted[hsym `$.tsg.directory,"backup.sh"],") && cd ",.tsg.quoted[.tsg.backupPath[volume;name]]," && sh \"$script\"",current;
  .tsg.startShell[.tsg.makingPath[name;volume;`running];command;.tsg.makingPath[name;volume;`log]];}

.tsg.nextLook:0                                       / ns since 1970

/ From the timer. Whether the lock is free is asked once a second: that is a process each time.
.tsg.watchBackups:{
  if[0=count .tsg.backups;:(::)];
  isLook:.tsg.nextLook<=.tsg.now[];
  if[isLook;.tsg.nextLook:.tsg.now[]+.tsg.lookNs];
  .tsg.answerBackup each .tsg.backups where .tsg.isSummed[isLook] each .tsg.backups`name;}

/ `running` goes when backup.sh ends; its lock also when it is killed.
.tsg.isSummed:{[isLook;name] not any .tsg.isSumming[isLook] each .tsg.makingPath[name;;`running] each .tsg.volumes}
.tsg.isSumming:{[isLook;running] $[not .tsg.isThere running;0b;isLook;.tsg.isLocked running;1b]}

/ Whatever fails takes nothing else of the timer along.
.tsg.answerBackup:{[asked]
  .tsg.backups:.tsg.backups where .tsg.backups[`name]<>asked`name;
  answer:@[{[name] (0b;raze .tsg.backupFiles[name] each til count .tsg.volumes)};asked`name;.tsg.backupFailed];
  if[not asked[`handle] in key .z.W;:(::)];
  @[{[reply] -30!reply};(asked`handle),answer;{[reason] .tsg.log "backup: ",reason}];}

.tsg.backupFailed:{[reason]
  .tsg.log "backup: ",reason;
  (1b;.tsg.wireError reason)}

/ (volume; path below the database's directory; bytes; sha256) of every file.
.tsg.backupFiles:{[name;place]
  volume:.tsg.volumes place;
  checksums:.tsg.makingPath[name;volume;`checksums];
  if[not .tsg.isThere checksums;.tsg.refuseSums .tsg.makingPath[name;volume;`log]];
  lines:read0 .tsg.makingPath[name;volume;`sizes];
  files:{[place;folder;line;checksum]
    blank:line?" ";
    (place;folder,"/",(1+blank)_line;"J"$blank#line;64#checksum)}[place;"backup-",string name]'[lines;read0 checksums];
  .tsg.removePath .tsg.joinPath[.tsg.backupPath[volume;name];`making];
  files}

.tsg.refuseSums:{[logFile]
  reason:$[.tsg.isThere logFile;" " sv read0 logFile;"it is gone"];
  if[0=count reason;reason:"backup.sh was killed"];
  .tsg.refuse $[reason like "*No space left*";enlist `StorageFull;(`StorageFailed;"backup: ",reason)]}

/ ---- shipping: the host agent takes closed files to the object store, and removes their links ----

.tsg.shipJournal:{[generation]
  if[not .tsg.ships;:(::)];
  folder:.tsg.joinPath[.tsg.volumes generation mod count .tsg.volumes;`shipping];
  target:.tsg.joinPath[folder;`$.tsg.flatJournal generation];
  .tsg.shell "mkdir -p ",.tsg.quoted[folder]," && ln -f ",.tsg.quoted[.tsg.journalPath generation]," ",.tsg.quoted target;}

/ From the timer: a file is closed so long after its first record, whether it is full or not.
.tsg.closeOldJournal:{
  if[(not .tsg.ships)|null .tsg.firstWrite;:(::)];
  if[.tsg.shipAfterNs>=.tsg.now[]-.tsg.firstWrite;:(::)];
  .tsg.firstWrite:.tsg.now[];                         / without room for another file not again at the next tick
  .tsg.roll[];}

/ ---- start from a backup: the agent has put its files, flat, into the directories ----

.tsg.replayedRecords:0
.tsg.lastArrival:0N

.tsg.unpackBackup:{
  .tsg.unpackParts each .tsg.volumes;
  .tsg.unpackJournals each .tsg.volumes;
  .tsg.shell each "sync -f ",/:.tsg.quoted each .tsg.volumes;}

.tsg.namesLike:{[volume;pattern] found:key volume;$[11h=type found;string found where found like pattern;()]}

.tsg.unpackParts:{[volume]
  flat:.tsg.namesLike[volume;"part-??????????-*"];
  if[0=count flat;:(::)];
  serials:"J"$10#/:5_/:flat;
  .tsg.unpackPart[volume]'[key group serials;flat .tsg.valuesOf group serials];}

/ The names that it moves are gone when it is done again.
.tsg.unpackPart:{[volume;serial;flat]
  directory:"part-",string serial;
  moves:{[directory;name] "mv -T '",name,"' '",directory,"/",.tsg.columnOfFlat[16_name],"'"}[directory] each flat;
  .tsg.shell "(cd ",.tsg.quoted[volume]," && mkdir -p ",directory," && ",(" && " sv moves),")";}

/ To the volume where a file of its number belongs.
.tsg.unpackJournals:{[volume]
  {[volume;name]
    target:.tsg.journalPath "J"$10#8_name;
    .tsg.shell "mv -T ",.tsg.quoted[.tsg.joinPath[volume;`$name]]," ",.tsg.quoted target}[volume] each .tsg.namesLike[volume;"journal-??????????.log"];}

/ Records that came later than wanted were left out of the replay, and must never be replayed: all is brought into parts, and the journal begins anew.
.tsg.finishRestore:{
  if[not null .tsg.restoreUntil;
    closed:.tsg.generation;
    .tsg.roll[];
    .tsg.mergeHere closed];
  -1 "recovered ",.j.j `untilMs`records`lastArrivalMs!(.tsg.restoreUntil div 1000000;.tsg.replayedRecords;.tsg.lastArrival div 1000000);}
