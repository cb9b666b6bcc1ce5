/ Readers follow the writer; then what each role does from its start. Loaded last.

/ ---- writer and readers ----

.tsg.followers:(0#0i)!0#0                             / in the writer: handle of a reader -> the last switch that it has made; -1 until it has begun
.tsg.switches:0                                       / how many there were
.tsg.writerHandle:0Ni                                 / in a reader

/ Where a reader begins: it reads the manifest and the journal up to here by itself, and hears each record that is applied from now on. What it reads stays
/ there until it says how far it is.
.tsg.follow:{[handle]
  .tsg.followers[handle]:-1;
  (.tsg.generation;.tsg.records;.tsg.offset;.tsg.switches)}

.tsg.ownAnswers:(enlist`.tsg.follow)!enlist .tsg.follow

/ From a reader, which makes a switch between two queries: none of them has a part of before in its hands any more.
.tsg.heard:{[number] .tsg.followers[.z.w]:number;}

.tsg.forgetFollower:{[handle]
  kept:key[.tsg.followers] except handle;
  .tsg.followers:kept!.tsg.followers kept;}

/ The switch that all readers have made; 0W without any [ref/min].
.tsg.heardByAll:{min .tsg.valuesOf .tsg.followers}

/ The last step of every write: memory has all of it.
.tsg.publish:{[record]
  .tsg.isApplying:0b;
  message:(record;.tsg.generation;.tsg.offset;.tsg.sequence);
  .tsg.send[message] each key .tsg.followers;}

/ A reader that is gone or cannot be written to takes no record from the others, nor from the client its receipt.
.tsg.send:{[message;handle] .[{[message;handle] neg[handle] message};(message;handle);.tsg.leaveReader[handle]];}

/ Closed here, .z.pc is not called; already closed, there is nothing to close.
.tsg.leaveReader:{[handle;reason]
  .tsg.log "a reader is left: ",reason;
  .tsg.forgetFollower handle;
  @[hclose;handle;::];}

.tsg.closed:{[handle]
  .tsg.forgetFollower handle;
  .tsg.waiting:.tsg.waiting except handle;
  .tsg.waitingNext:.tsg.waitingNext except handle;
  .tsg.backups:.tsg.backups where handle<>.tsg.backups`handle;
  .tsg.leaveSearches handle;
  if[handle=.tsg.writerHandle;.tsg.log "the writer is gone";exit 1];}                / the host agent starts both again

/ With a record missing nothing that it answers would be true.
.tsg.hear:{[message] @[.tsg.hearRecord;message;{[reason] .tsg.log "a record cannot be applied: ",reason;exit 1}];}

/ The position last: who has seen it has seen the record.
.tsg.hearRecord:{[message]
  record:first message;
  $[`.tsg.applySwitch~first record;.tsg.applySwitch . 1_record;.tsg.hearWrite[message 3;record]];
  .tsg.generation:message 1;
  .tsg.offset:message 2;}

/ The manifest that it began with may have the first ones.
.tsg.hearWrite:{[number;record]
  if[number<=.tsg.sequence;:(::)];
  if[number>1+.tsg.sequence;'"records are missing before ",string number];
  .tsg.replayRecord record;}

/ From the timer of the writer: what a reader does not take lies in the memory of the writer [ref/dotz#zw-handles]. Left alone, it ends and begins anew.
.tsg.dropSlowReaders:{
  if[0=count .tsg.followers;:(::)];
  slow:key[.tsg.followers] where .tsg.maxQueuedBytes<sum each .z.W key .tsg.followers;
  if[0=count slow;:(::)];
  .tsg.log "readers that do not keep up are left: ",-3!slow;
  .tsg.forgetFollower each slow;
  hclose each slow;}

/ One that is older than the manifest that it began with is none.
.tsg.applySwitch:{[parts;merged;number]
  if[merged>=.tsg.mergedSequence;
    .tsg.parts:parts;
    .tsg.mergedSequence:merged;
    .tsg.applied:0#.tsg.applied;                      / a reader never asks for batch ids
    .tsg.forgetMerged merged];
  neg[.tsg.writerHandle] (`.tsg.heard;number);}

.tsg.saidPosition:()

/ From the timer of a reader: the host agent compares it with where the journal ends.
.tsg.sayPosition:{[time]
  position:(.tsg.generation;.tsg.offset);
  if[position~.tsg.saidPosition;:(::)];
  .tsg.saidPosition:position;
  -1 "position "," " sv string position;}

/ Whether the records that an answer must have seen are applied here.
.tsg.hasSeen:{[position]
  if[position~(::);:1b];
  if[not .tsg.isPosition position;.tsg.badCall "position is not two longs"];
  (.tsg.generation>position 0)|(.tsg.generation=position 0)&.tsg.offset>=position 1}

.tsg.joinWriter:{
  address:":",.tsg.host,":",string[.tsg.port],":",string[.tsg.user],":",.tsg.password;
  .tsg.writerHandle:hopen (hsym `$1_address;5000);
  told:.tsg.writerHandle (`.tsg.follow;::);
  .tsg.upTo:told 0; .tsg.upToRecords:told 1;
  .tsg.openStore[];
  .tsg.applied:0#.tsg.applied;
  .tsg.generation:told 0; .tsg.offset:told 2;
  neg[.tsg.writerHandle] (`.tsg.heard;told 3);}

/ ---- timer ----

.tsg.tick:{
  .tsg.watchBackups[];
  .tsg.watchMerge[];
  .tsg.watchSearch[];
  .tsg.watchConfig[];
  .tsg.dropSlowReaders[];
  .tsg.closeOldJournal[];
  if[(.tsg.merging<0)&(.tsg.retryAfter<=.tsg.now[])&not .tsg.isSearching[];if[.tsg.isMergeDue[];.tsg.beginMerge[]]];}

.tsg.nextCount:0                                      / ns since 1970

/ Rows are counted once a second: with ten thousand series that takes some milliseconds.
.tsg.isMergeDue:{
  if[(.tsg.checkpointFiles<=.tsg.generation-.tsg.mergedGeneration)|.tsg.offset>=.tsg.checkpointBytes;:1b];
  if[.tsg.now[]<.tsg.nextCount;:0b];
  .tsg.nextCount:.tsg.now[]+.tsg.lookNs;
  rows:.tsg.hotRows[]+.tsg.lateRows[];
  (rows>=.tsg.checkpointRows)|(rows>0)&.tsg.isFull[]}

/ Limits and whether writes are taken may change while it runs; q has no handler for SIGHUP.
.tsg.watchConfig:{
  text:read0 .tsg.configFile;
  if[text~.tsg.configText;:(::)];
  .tsg.configText:text;
  .tsg.readConfig[];
  -1 "configured ",.tsg.holder;}

/ ---- roles ----

.tsg.openStore:{
  path:.tsg.manifestPath `manifest;
  isNew:not .tsg.isThere path;
  if[isNew;
    / 8 bytes have no record: a first start was cut off before its manifest
    if[any 8<hcount each .tsg.journalPath each .tsg.journalsFrom 0;'"the manifest is missing, and there are journal files"];
    .tsg.slices:count .tsg.volumes];
  if[not isNew;.tsg.loadManifest .tsg.readManifest `manifest];
  .tsg.maxSeries:0W;                                  / what is there was let in under the limits of its time
  .tsg.replayFrom[.tsg.mergedGeneration;isNew];
  if[isNew&.tsg.role=`writer;.tsg.saveManifest `manifest];
  .tsg.readConfig[];}

/ A merge that a former writer began may still be under way, or done: its result is taken before another one is begun.
.tsg.startWriter:{
  ready:.tsg.manifestPath `manifest.ready;
  if[.tsg.isThere ready;.tsg.renameFile[ready;.tsg.manifestPath `manifest]];
  .tsg.shell "rm -f ",.tsg.quoted[first .tsg.volumes],"/search-*";
  if[.tsg.restoring;.tsg.unpackBackup[]];
  .tsg.openStore[];
  $[.tsg.restoring;.tsg.finishRestore[];.tsg.shipJournal each -1_.tsg.journalsFrom .tsg.mergedGeneration];
  if[.tsg.generation>.tsg.mergedGeneration;.tsg.startMerge .tsg.generation-1];
  .tsg.open .tsg.port;}

.tsg.startReader:{
  .tsg.joinWriter[];
  .tsg.maxSeries:0W;                                  / what the writer took is within the limits
  .tsg.open .tsg.listenPort;}

/ Handlers first, the port last.
.tsg.open:{[port]
  .tsg.configText:read0 .tsg.configFile;
  .tsg.lock[];
  .z.ts:$[.tsg.role=`writer;{[time] @[.tsg.tick;::;{[reason] .tsg.log "timer: ",.tsg.wireError reason}]};.tsg.sayPosition];
  .tsg.startTimer $[.tsg.role=`writer;.tsg.timerMs;.tsg.positionMs];
  .tsg.listen[.tsg.host;$[port=0;"0W";string port]];  / [basics/listening-port] 0W: any that is free
  -1 "listening ",string .tsg.listening[];}

.tsg.startMergeRole:{
  if[.tsg.isThere .tsg.manifestPath `manifest.ready;exit 0];                        / of the one before: the writer takes it first
  .tsg.openStore[];
  .tsg.runMerge[];}

.tsg.main:{
  $[.tsg.role=`writer;.tsg.startWriter[];.tsg.role=`reader;.tsg.startReader[];.tsg.role=`merge;.tsg.startMergeRole[];.tsg.role=`search;.tsg.runSearch[];'"role ",string .tsg.role]}

@[.tsg.main;::;{[reason] -2 "cannot start: ",reason;exit 1}]
