/ A checkpoint closes the journal file and brings what is in memory into parts: a small one here, any other in a process of its own (-role merge) that reads
/ the manifest and the closed files; this process then switches manifests.

.tsg.checkpointed:0N                                  / when the last one of this process ended, ns since 1970
.tsg.merging:-1                                       / the journal file up to which a merge is under way, or -1
.tsg.retryAfter:0                                     / ns since 1970
.tsg.waiting:0#0i                                     / handles that wait for it
.tsg.waitingNext:0#0i                                 / handles that asked when it was under way: they wait for the one after it
.tsg.replaced:0#0                                     / serials of parts that go out with the switch at hand
.tsg.outgoing:([]serial:0#0;switched:0#0)             / those that are still there, and with which switch they went out

/ The reply of a large one comes when it is done [basics/internal#-30x]; its connection has no other request under way.
.tsg.checkpoint:{[nothing]
  isUnderWay:(.tsg.merging>=0)|.tsg.isSearching[];
  if[not isUnderWay;.tsg.beginMerge[]];
  if[(not isUnderWay)&.tsg.merging<0;:(::)];
  $[isUnderWay;.tsg.waitingNext,:.z.w;.tsg.waiting,:.z.w];
  -30!(::)}

.tsg.answerWaiting:{
  {[handle] -30!(handle;0b;::)} each .tsg.waiting inter key .z.W;
  .tsg.waiting:.tsg.waitingNext;
  .tsg.waitingNext:0#0i;
  if[0=count .tsg.waiting;:(::)];
  failure:@[{[nothing] .tsg.beginMerge[];""};::;.tsg.wireError];
  if[count failure;:.tsg.refuseWaiting failure];
  if[.tsg.merging<0;.tsg.answerWaiting[]];}

/ No merge is under way: nothing else would ever answer them.
.tsg.refuseWaiting:{[reason]
  {[reason;handle] -30!(handle;1b;reason)}[reason] each .tsg.waiting inter key .z.W;
  .tsg.waiting:0#0i;}

/ Until it has come to its switch the timer leaves it alone for a while: each attempt begins another journal file.
.tsg.beginMerge:{
  .tsg.retryAfter:.tsg.now[]+.tsg.mergePatienceNs;
  .tsg.forgetBatches[];
  closed:.tsg.generation;
  .tsg.roll[];
  $[.tsg.isShort[];.tsg.mergeHere closed;.tsg.startMerge closed];}

/ The manifest has every tag set. What there is of rows is asked first: to find the parts that they touch takes longer the more there are.
.tsg.isShort:{
  least:.tsg.tagSetTotal[]+.tsg.hotRows[]+.tsg.lateRows[]+sum 0,count each 1_.tsg.valuesOf .tsg.gone;
  $[.tsg.inlineRows<least;0b;.tsg.inlineRows>=.tsg.mergeRows[]]}

/ Where the manifest cannot be written all stays as it was: rows must never count both in memory and in parts.
.tsg.mergeHere:{[closed]
  parts:@[.tsg.mergeAll;::;.tsg.mergeFailed];
  former:(.tsg.parts;.tsg.mergedGeneration;.tsg.mergedSequence);
  .tsg.isApplying:1b;
  .tsg.finishMerge[closed;parts];
  failure:@[{[name] .tsg.saveManifest name;""};`manifest;{[reason] "manifest: ",reason}];
  if[count failure;
    .tsg.parts:former 0; .tsg.mergedGeneration:former 1; .tsg.mergedSequence:former 2;
    .tsg.isApplying:0b;
    .tsg.mergeFailed failure];
  .tsg.named:.tsg.parts;
  .tsg.switch[];}

.tsg.mergeFailed:{[reason]
  .tsg.log "merge: ",reason;
  .tsg.refuse $[reason like "*No space left*";enlist `StorageFull;(`StorageFailed;reason)]}

/ What the manifest is to say.
.tsg.finishMerge:{[closed;parts]
  .tsg.replaced:.tsg.named[`serial] except parts`serial;              / with those that a retention has taken
  .tsg.parts:parts;
  .tsg.mergedGeneration:closed+1;
  .tsg.mergedSequence:.tsg.sequence;}

/ One at a time, whoever starts it: with that of a former writer under way nothing happens.
.tsg.startMerge:{[closed]
  .tsg.merging:closed;
  .tsg.mergeStarted:.tsg.now[];
  @[.tsg.startRole[`merge];"-role merge -upto ",string closed;{[reason] .tsg.log "a merge is not started: ",reason}];}

/ A process of this database. Its lock and its log bear its name.
.tsg.startRole:{[name;options]
  path:{[name;end] .tsg.manifestPath `$string[name],end}[name];
  command:"exec ",.tsg.program[]," ",.tsg.quoted[hsym `$.tsg.directory,"tsg.q"]," -config ",.tsg.quoted[.tsg.configFile]," ",options," -q";
  .tsg.startShell[path ".lock";command;path ".log"];}

.tsg.program:{.tsg.quoted hsym `$first .z.X}         / the name that this process was started with [ref/dotz#zX]
.tsg.mergeStarted:0

/ What the writer takes of the next manifest, beside it: all of that is long to read.
.tsg.switchNames:`.tsg.parts`.tsg.nextSerial`.tsg.mergedGeneration`.tsg.mergedSequence

/ The whole of a merge process: the manifest, the closed files of the journal, parts, the next manifest.
.tsg.runMerge:{
  .tsg.finishMerge[.tsg.upTo;.tsg.mergeAll[]];
  .tsg.manifestPath[`merged] set .tsg.switchNames!get each .tsg.switchNames;
  .tsg.saveManifest `manifest.ready;
  exit 0;}

/ From the timer: a merge that is done is switched to; one that ended without a manifest is started again.
.tsg.watchMerge:{
  if[.tsg.merging<0;:(::)];
  ready:.tsg.manifestPath `manifest.ready;
  if[.tsg.isThere ready;
    saved:.tsg.readFile .tsg.manifestPath `merged;
    .tsg.renameReady ready;
    .tsg.isApplying:1b;
    .tsg.takeParts saved;
    .tsg.switch[];
    if[.tsg.mergedGeneration<=.tsg.merging;:.tsg.startMerge .tsg.merging];          / it was one of a former writer, which had less to do
    .tsg.merging:-1;
    .tsg.answerWaiting[];
    :(::)];
  if[.tsg.mergePatienceNs<.tsg.now[]-.tsg.mergeStarted;.tsg.startMerge .tsg.merging];}

/ Renamed before its parts are taken: rows must never count both in memory and in parts. When it is renamed and that is not on the disk, nobody knows which
/ one the next start will find: it is found out by a start.
.tsg.renameReady:{[ready]
  failure:@[{[ready] .tsg.renameFile[ready;.tsg.manifestPath `manifest];""};ready;{[reason] "manifest: ",reason}];
  if[0=count failure;:(::)];
  if[not .tsg.isThere ready;.tsg.log failure;exit 1];
  'failure}

/ Parts of a manifest that another process wrote, less what retentions since have cut off.
.tsg.takeParts:{[saved]
  parts:saved`.tsg.parts;
  later:exec day from .tsg.cuts where sequence>saved[`.tsg.mergedSequence];
  if[count later;newestCut:max later;parts:delete from parts where day<newestCut];
  .tsg.replaced:(.tsg.named[`serial],saved[`.tsg.parts]`serial) except parts`serial;        / a backup takes all that the manifest names
  .tsg.named:saved`.tsg.parts;
  .tsg.parts:parts;
  .tsg.nextSerial:saved`.tsg.nextSerial;
  .tsg.mergedGeneration:saved`.tsg.mergedGeneration;
  .tsg.mergedSequence:saved`.tsg.mergedSequence;}

/ What parts have now goes from memory, from the readers, and from the journal: what cannot be removed must not hold up the next merge.
.tsg.switch:{
  .tsg.retryAfter:0;
  .tsg.checkpointed:.tsg.now[];
  .tsg.forgetMerged .tsg.mergedSequence;
  .tsg.positions:select from .tsg.positions where sequence>=.tsg.mergedSequence;
  .tsg.switches+:1;
  .tsg.outgoing,:([]serial:.tsg.replaced;switched:count[.tsg.replaced]#.tsg.switches);
  .tsg.publish (`.tsg.applySwitch;.tsg.parts;.tsg.mergedSequence;.tsg.switches);
  @[.tsg.removeOutgoing;.tsg.heardByAll[];{[reason] .tsg.log "what went out is still there: ",reason}];}

/ A switch later at the earliest: a backup takes what the manifest of before names. Then when no reader can be reading it; a reader that begins reads old
/ files of the journal too. What stays goes with a later switch.
.tsg.removeOutgoing:{[heard]
  .tsg.outgoing:select from .tsg.outgoing where (switched=.tsg.switches)|switched>heard;
  .tsg.removeUnlisted .tsg.outgoing`serial;
  if[heard>=0;{[generation] hdel .tsg.journalPath generation} each .tsg.oldJournals[]];}

.tsg.oldJournals:{found:.tsg.journalsFrom 0;found where found<.tsg.mergedGeneration}

.tsg.forgetMerged:{[merged]
  .tsg.forgetRows[merged] each key .tsg.numbers;
  .tsg.cuts:select from .tsg.cuts where sequence>merged;}

.tsg.forgetRows:{[merged;series]
  hot:.tsg.hot series;
  late:.tsg.late series;
  gone:.tsg.gone series;
  .tsg.hotName[series] set update id:`g#id from select from hot where sequence>merged;
  .tsg.lateName[series] set update id:`g#id from select from late where sequence>merged;
  .tsg.gone[series]:select from gone where sequence>merged;}

/ Directories of parts that no manifest names go, but for those given.
.tsg.removeUnlisted:{[spared]
  listed:`$"part-",/:string .tsg.parts[`serial],spared;
  {[listed;volume]
    found:key volume;
    stale:found where (found like "part-*")&not found in listed;
    .tsg.removeParts[volume] each .tsg.inThousands string stale}[listed] each .tsg.volumes;}

.tsg.removeParts:{[volume;names] .tsg.shell "(cd ",.tsg.quoted[volume]," && rm -rf ",(" " sv names),")";}

/ For a command, which has at most 128 KB; a process for each would be long.
.tsg.inThousands:{[names] (1000*til ceiling count[names]%1000)_names}
