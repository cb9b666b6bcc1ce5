/ What leaves a database and comes back: backups, closed journal files for the object store, a start from both. Files that leave are flat, since that is how
/ they are stored: part-<serial>-<column> for a column of a part, journal-<generation>.log, numbers with ten digits; manifest.

.tsg.tenDigits:{[number] -10#"0000000000",string number}
.tsg.flatJournal:{[generation] "journal-",.tsg.tenDigits[generation],".log"}

/ A column of texts is two files, f0 and f0#, and .d names the columns [kb/splayed-tables].
.tsg.flatColumn:{[file] $[file~".d";"d";"#"=last file;(-1_file),"-text";file]}
.tsg.columnOfFlat:{[text] $[text~enlist "d";".d";text like "*-text";(-5_text),"#";text]}

/ ---- backup ----

.tsg.backupPath:{[volume;name] .tsg.joinPath[volume;`$"backup-",string name]}

/ Links to parts, copies of the manifest and of the journal as far as it is whole now: an instant. Checksums take longer than a writer may.
.tsg.backup:{[name]
  text:string name;
  if[(0=count text)|not all text in .Q.an,"-";.tsg.badCall ".tsg.backup: name has other characters than letters, digits, - and _"];
  .tsg.shell each "mkdir -p ",/:.tsg.quoted each .tsg.backupPath[;name] each .tsg.volumes;
  .tsg.linkPart[name] each (.tsg.readManifest `manifest)`.tsg.parts;               / those it names: a retention may have taken some since
  home:.tsg.backupPath[first .tsg.volumes;name];
  .tsg.shell "cp ",.tsg.quoted[.tsg.manifestPath `manifest]," ",.tsg.quoted .tsg.joinPath[home;`manifest];
  .tsg.copyJournal[name] each .tsg.journalsFrom .tsg.mergedGeneration;
  raze .tsg.backupFiles[name] each til count .tsg.volumes}

/ One command for a part: target is the beginning of all names.
.tsg.linkPart:{[name;part]
  source:.tsg.partPath part;
  target:.tsg.joinPath[.tsg.backupPath[.tsg.volumes part`volume;name];`$"part-",.tsg.tenDigits[part`serial],"-"];
  links:{[file] "ln -f '",file,"' \"$target\"'",.tsg.flatColumn[file],"'"} each string key source;
  .tsg.shell "(cd ",.tsg.quoted[source]," && target=",.tsg.quoted[target]," && ",(" && " sv links),")";}

.tsg.copyJournal:{[name;generation]
  source:.tsg.journalPath generation;
  volume:.tsg.volumes generation mod count .tsg.volumes;
  bytes:$[generation=.tsg.generation;.tsg.offset;hcount source];
  target:.tsg.joinPath[.tsg.backupPath[volume;name];`$.tsg.flatJournal generation];
  .tsg.shell "(head -c ",string[bytes]," ",.tsg.quoted[source]," > ",.tsg.quoted[target],")";}            / behind a semicolon its failure would be lost [ref/system]

/ (volume; path below the database's directory; bytes; sha256) of every file.
.tsg.backupFiles:{[name;volume]
  directory:.tsg.volumes volume;
  folder:"backup-",string name;
  here:"(cd ",.tsg.quoted[directory]," && ";           / in brackets, or q would take it for its own command \cd
  lines:.tsg.shell here,"find ",folder," -type f -printf '%s %p\\n' | LC_ALL=C sort -k 2)";
  checksums:.tsg.shell here,"find ",folder," -type f -print0 | LC_ALL=C sort -z | xargs -0 -r sha256sum)";
  {[volume;line;checksum]
    place:line?" ";
    (volume;(1+place)_line;"J"$place#line;64#checksum)}[volume]'[lines;checksums]}

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
