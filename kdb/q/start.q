/ Readers follow the writer; then what each role does from its start. Loaded last.

/ ---- writer and readers ----

.tsg.followers:0#0i                                   / handles of readers, in the writer
.tsg.writerHandle:0Ni                                 / in a reader

/ All of memory, once; from then on each record when it is applied here.
.tsg.follow:{[handle]
  .tsg.followers:distinct .tsg.followers,handle;
  (.tsg.catalogueVersion;.tsg.nextNumber;.tsg.numbers;.tsg.tagNames;.tsg.fieldNames;.tsg.fieldTypes;.tsg.tagKeys;.tsg.tagValues;
    .tsg.hot;.tsg.late;.tsg.gone;.tsg.newest;.tsg.parts;.tsg.slices;.tsg.mergedSequence;.tsg.cuts;.tsg.sequence;.tsg.generation;.tsg.offset)}

.tsg.ownAnswers:.tsg.ownCalls!enlist .tsg.follow

/ The last step of every write: memory has all of it.
.tsg.publish:{[record]
  .tsg.isApplying:0b;
  message:(record;.tsg.generation;.tsg.offset);
  .tsg.send[message] each .tsg.followers;}

/ A reader that is gone or cannot be written to takes no record from the others, nor from the client its receipt.
.tsg.send:{[message;handle] .[{[message;handle] neg[handle] message};(message;handle);.tsg.leaveReader[handle]];}

/ Closed here, .z.pc is not called; already closed, there is nothing to close.
.tsg.leaveReader:{[handle;reason]
  .tsg.log "a reader is left: ",reason;
  .tsg.followers:.tsg.followers except handle;
  @[hclose;handle;::];}

.tsg.closed:{[handle]
  .tsg.followers:.tsg.followers except handle;
  .tsg.waiting:.tsg.waiting except handle;
  .tsg.waitingNext:.tsg.waitingNext except handle;
  .tsg.backups:.tsg.backups where handle<>.tsg.backups`handle;
  if[handle=.tsg.writerHandle;.tsg.log "the writer is gone";exit 1];}                / the host agent starts both again

/ With a record missing nothing that it answers would be true.
.tsg.hear:{[message] @[.tsg.hearRecord;message;{[reason] .tsg.log "a record cannot be applied: ",reason;exit 1}];}

/ The position last: who has seen it has seen the record.
.tsg.hearRecord:{[message]
  record:first message;
  $[`.tsg.applySwitch~first record;.tsg.applySwitch[record 1;record 2];.tsg.replayRecord record];
  .tsg.generation:message 1;
  .tsg.offset:message 2;}

/ From the timer of the writer: what a reader does not take lies in the memory of the writer [ref/dotz#zw-handles]. Left alone, it ends and begins anew.
.tsg.dropSlowReaders:{
  if[0=count .tsg.followers;:(::)];
  slow:.tsg.followers where .tsg.maxQueuedBytes<sum each .z.W .tsg.followers;
  if[0=count slow;:(::)];
  .tsg.log "readers that do not keep up are left: ",-3!slow;
  .tsg.followers:.tsg.followers except slow;
  hclose each slow;}

.tsg.applySwitch:{[parts;merged]
  .tsg.parts:parts;
  .tsg.mergedSequence:merged;
  .tsg.applied:0#.tsg.applied;                        / a reader never asks for batch ids
  .tsg.forgetMerged merged;}

/ Whether the records that an answer must have seen are applied here.
.tsg.hasSeen:{[position]
  if[position~(::);:1b];
  if[not .tsg.isPosition position;.tsg.badCall "position is not two longs"];
  (.tsg.generation>position 0)|(.tsg.generation=position 0)&.tsg.offset>=position 1}

.tsg.joinWriter:{
  address:":",.tsg.host,":",string[.tsg.port],":",string[.tsg.user],":",.tsg.password;
  .tsg.writerHandle:hopen (hsym `$1_address;5000);
  told:.tsg.writerHandle (`.tsg.follow;::);
  .tsg.catalogueVersion:told 0; .tsg.nextNumber:told 1; .tsg.numbers:told 2; .tsg.tagNames:told 3;
  .tsg.fieldNames:told 4; .tsg.fieldTypes:told 5; .tsg.tagKeys:told 6; .tsg.tagValues:told 7;
  .tsg.hot:told 8; .tsg.late:told 9; .tsg.gone:told 10; .tsg.newest:told 11;
  .tsg.parts:told 12; .tsg.slices:told 13; .tsg.mergedSequence:told 14; .tsg.cuts:told 15;
  .tsg.sequence:told 16; .tsg.generation:told 17; .tsg.offset:told 18;
  .tsg.restoreAttributes each key .tsg.numbers;}

/ Not all attributes are sent.
.tsg.restoreAttributes:{[series]
  .tsg.tagKeys[series]:`u#.tsg.tagKeys series;
  hot:.tsg.hot series;
  late:.tsg.late series;
  .tsg.hot[series]:update id:`g#id from hot;
  .tsg.late[series]:update id:`g#id from late;}

/ ---- timer ----

.tsg.tick:{
  .tsg.watchBackups[];
  .tsg.watchMerge[];
  .tsg.watchConfig[];
  .tsg.dropSlowReaders[];
  .tsg.closeOldJournal[];
  rows:sum 0,count each (1_.tsg.valuesOf .tsg.hot),1_.tsg.valuesOf .tsg.late;
  if[(.tsg.merging<0)&(.tsg.retryAfter<=.tsg.now[])&(rows>=.tsg.checkpointRows)|((rows>0)&.tsg.isFull[])|(.tsg.checkpointFiles<=.tsg.generation-.tsg.mergedGeneration)|.tsg.offset>=.tsg.checkpointBytes;.tsg.beginMerge[]];}

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
  if[.tsg.restoring;.tsg.unpackBackup[]];
  .tsg.openStore[];
  $[.tsg.restoring;.tsg.finishRestore[];.tsg.shipJournal each -1_.tsg.journalsFrom .tsg.mergedGeneration];
  if[.tsg.generation>.tsg.mergedGeneration;.tsg.startMerge .tsg.generation-1];
  .tsg.open .tsg.port;}

.tsg.startReader:{
  .tsg.joinWriter[];
  .tsg.maxSeries:0W;
  .tsg.open .tsg.listenPort;}

/ Handlers first, the port last.
.tsg.open:{[port]
  .tsg.configText:read0 .tsg.configFile;
  .tsg.lock[];
  if[.tsg.role=`writer;
    .z.ts:{[time] @[.tsg.tick;::;{[reason] .tsg.log "timer: ",reason}]};
    .tsg.startTimer .tsg.timerMs];
  .tsg.listen[.tsg.host;$[port=0;"0W";string port]];  / [basics/listening-port] 0W: any that is free
  -1 "listening ",string .tsg.listening[];}

.tsg.startMergeRole:{
  if[.tsg.isThere .tsg.manifestPath `manifest.ready;exit 0];                        / of the one before: the writer takes it first
  .tsg.openStore[];
  .tsg.runMerge[];}

.tsg.main:{
  $[.tsg.role=`writer;.tsg.startWriter[];.tsg.role=`reader;.tsg.startReader[];.tsg.role=`merge;.tsg.startMergeRole[];'"role ",string .tsg.role]}

@[.tsg.main;::;{[reason] -2 "cannot start: ",reason;exit 1}]
