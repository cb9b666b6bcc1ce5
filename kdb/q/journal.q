/ What was written and is not in parts yet, as a list of records (function; arrival; arguments), replayed with -11!. Files are numbered by generation and
/ rotate over the volumes; a checkpoint begins the next one. q cannot fsync: the host agent does, before the API acknowledges (.tsg.durable).

.tsg.generation:0
.tsg.offset:0                                         / bytes of the current file
.tsg.records:0                                        / in the current file
.tsg.sequence:0                                       / of the last record; rows in memory carry it
.tsg.journalHandle:0i
.tsg.journalBroken:0b                                 / the last write failed and may have left a piece of a record
.tsg.firstWrite:0N                                    / when the first record of the current file came, ns since 1970
.tsg.isApplying:0b                                    / a record or a manifest is written and memory does not have all of it yet
.tsg.applied:(`u#0#0Ng)!0#0                           / batch id -> arrival, ns since 1970; see .tsg.noteBatch
.tsg.positions:([]sequence:0#0;generation:0#0;offset:0#0)         / where records since the last checkpoint end, for tails
.tsg.appliers:(enlist`)!enlist(::)                    / the closed list of what a record may call; filled where the functions are

.tsg.now:{946684800000000000+"j"$.z.p}                / timestamps of q count from 2000
.tsg.isThere:{[path] not ()~key path}                 / [ref/key] () is what a missing file has; an empty directory has an empty list

.tsg.journalPath:{[generation] ` sv .tsg.volumes[generation mod count .tsg.volumes],`$"journal-",string generation}

/ Generations that have a file, from the given one on.
.tsg.journalsFrom:{[generation]
  names:raze {[volume] found:key volume;$[11h=type found;found;0#`]} each .tsg.volumes;
  numbers:(0#0),"J"$8_/:string names where names like "journal-*";
  asc numbers where numbers>=generation}

.tsg.log:{[text] -2 text;}                            / stderr; the host agent keeps it

/ Cuts a torn tail, which was never acknowledged, and opens the file for more. Appending behind a bad tail would hide all later records.
.tsg.openJournal:{[generation]
  file:.tsg.journalPath generation;
  if[0=.tsg.bytesOf file;.tsg.createJournal file];    / also one that a crash left before its first byte
  chunks:-11!(-2;file);                               / [basics/internal#-11-2] a count, or (count; sound bytes)
  if[1<count chunks;
    .tsg.log "journal ",string[generation],": torn tail cut, ",string[hcount[file]-chunks 1]," bytes";
    .tsg.cutFile[file;chunks 1]];
  handle:hopen file;
  .tsg.journalHandle:handle;
  .tsg.generation:generation;
  .tsg.offset:hcount file;
  .tsg.records:first chunks;
  .tsg.firstWrite:$[0<first chunks;.tsg.now[];0N];
  .tsg.notePosition[];}

.tsg.bytesOf:{[file] $[.tsg.isThere file;hcount file;0]}

/ One that does not come to be whole must not stand there at the next start.
.tsg.createJournal:{[file]
  failure:@[{[file] file set ();""};file;{[reason] "failed: ",reason}];
  if[count failure;
    .tsg.log "journal: ",failure;
    if[.tsg.isThere file;hdel file];
    .tsg.refuse enlist `StorageFull];}

.tsg.cutFile:{[file;bytes] .tsg.shell "truncate -s ",string[bytes]," ",.tsg.quoted file;}
.tsg.notePosition:{`.tsg.positions insert (.tsg.sequence;.tsg.generation;.tsg.offset);}

/ All that the manifest does not cover, in order. Only the last file may end in a torn record: the others were closed.
.tsg.replayFrom:{[generation;isNew]
  if[not .tsg.role=`writer;:.tsg.replayUpTo generation];
  found:.tsg.journalsFrom generation;
  if[(not isNew)&0=count found;'"journal ",string[generation]," is missing"];
  if[not all found=generation+til count found;'"a journal file is missing: found ",-3!found];
  .tsg.replayFile[-1] each -1_found;
  if[0=count found;found:enlist generation];
  .tsg.openJournal last found;
  .tsg.replayFile[-1;last found];
  .tsg.positions:0#.tsg.positions;
  .tsg.notePosition[];}

/ Beside a writer, which goes on meanwhile: as far as was said when this process began. A manifest from after that has all of it, and more.
.tsg.replayUpTo:{[generation]
  if[generation>.tsg.upTo;
    if[.tsg.role=`merge;exit 0];                      / the merge before did it, between the writer's look and the lock
    :(::)];
  wanted:generation+til 1+.tsg.upTo-generation;
  found:.tsg.journalsFrom generation;
  if[not all wanted in found;'"a journal file is missing: found ",-3!found];
  .tsg.replayFile[-1] each -1_wanted;
  if[.tsg.upToRecords<>0;.tsg.replayFile[.tsg.upToRecords;last wanted]];}

/ So many records of a file, -1: all. -11! hands each to .z.ps where that is set [basics/internal#-11x]
.tsg.replayFile:{[records;generation]
  .z.ps:.tsg.replayRecord;
  done:@[{[asked] -11!asked};(records;.tsg.journalPath generation);{[generation;reason] '"journal ",string[generation],": ",reason}[generation]];
  if[done<records;'"journal ",string[generation]," has fewer records than it had"];}

.tsg.replayRecord:{[record]
  if[not first[record] in 1_key .tsg.appliers;'"the journal has a record of another kind"];
  .tsg.sequence+:1;                                   / of those that are left out too: deletions name records by their number
  if[.tsg.role=`writer;if[.tsg.restoring;if[record[1]>0W^.tsg.restoreUntil;:(::)]]];
  .tsg.replayedRecords+:1;
  .tsg.lastArrival:record 1;
  .tsg.appliers[record 0][record 1;record 2];}

/ Appends one record; when it returns the bytes are with the operating system.
.tsg.write:{[record]
  if[.tsg.journalBroken;.tsg.mendJournal[]];
  .tsg.isApplying:1b;
  failure:@[{[bytes] .tsg.journalHandle bytes;""};enlist record;{[reason] "failed: ",reason}];
  if[count failure;
    .tsg.isApplying:0b;
    .tsg.journalBroken:1b;
    .tsg.log "journal: ",failure;
    .tsg.refuse enlist `StorageFull];
  .tsg.offset:hcount .tsg.journalPath .tsg.generation;
  .tsg.sequence+:1;
  .tsg.records+:1;
  if[null .tsg.firstWrite;.tsg.firstWrite:.tsg.now[]];
  .tsg.notePosition[];}

/ What can fail comes before the former handle goes: its number may be a client's next.
.tsg.mendJournal:{
  file:.tsg.journalPath .tsg.generation;
  .tsg.cutFile[file;.tsg.offset];
  former:.tsg.journalHandle;
  .tsg.journalHandle:hopen file;
  .tsg.journalBroken:0b;
  hclose former;}

/ The next file. What was written so far is closed, and a merge can read it: no piece of a record may stay in it. Without room for the next one this one
/ goes on.
.tsg.roll:{
  if[.tsg.journalBroken;.tsg.mendJournal[]];
  former:.tsg.journalHandle;
  closed:.tsg.generation;
  .tsg.openJournal closed+1;
  hclose former;
  .tsg.shipJournal closed;}

.tsg.journalBytes:{sum 0,hcount each .tsg.journalPath each .tsg.journalsFrom .tsg.mergedGeneration}

/ A guid of version 4 is one that nobody chose: the digit stands at place 14 of its text. Below 0: one that was made from an Idempotency-Key. Noted when it
/ comes: text of millions of them would take a second at each checkpoint.
.tsg.noteBatch:{[batchId;arrival] .tsg.applied[batchId]:$["4"=string[batchId] 14;arrival;neg arrival];}

.tsg.forgetBatches:{
  if[0=count .tsg.applied;:(::)];
  arrivals:.tsg.valuesOf .tsg.applied;
  kept:where (.tsg.now[]-abs arrivals)<?[arrivals<0;.tsg.namedBatchNs;.tsg.otherBatchNs];
  .tsg.applied:(`u#key[.tsg.applied] kept)!arrivals kept;}

.tsg.receipt:{[rows;late] (rows;late;.tsg.catalogueVersion;.tsg.generation;.tsg.offset)}

.tsg.insert:{[batchId;parts]
  if[0=count parts;.tsg.badCall ".tsg.insert: a batch has no part"];
  .tsg.checkPart each parts;
  if[batchId in key .tsg.applied;:.tsg.receipt[0;0]];
  .tsg.refuseHeld[];
  if[.tsg.isFull[];.tsg.refuse enlist `EngineBusy];
  plan:.tsg.planBatch[parts;1b];
  arrival:.tsg.now[];
  record:(`.tsg.applyInsert;arrival;(batchId;parts));
  .tsg.write record;
  late:.tsg.applyPlan[arrival;batchId;plan];
  .tsg.publish record;
  .tsg.receipt[sum count each plan@\:`time;late]}

/ Each request has its own receipt, or the text of its own error.
.tsg.inserts:{[batches]
  {[batch]
    if[not (0h=type batch)&2=count batch;:"BadCall\t.tsg.inserts: a batch is not a list of 2"];
    if[not (-2h=type batch 0)&0h=type batch 1;:"BadCall\t.tsg.inserts: a batch does not have an id and parts"];
    .[.tsg.insert;batch;.tsg.wireError]} each batches}

.tsg.applyInsert:{[arrival;arguments] .tsg.applyPlan[arrival;arguments 0;.tsg.planBatch[arguments 1;0b]];}
.tsg.appliers[`.tsg.applyInsert]:.tsg.applyInsert

/ Of what -w allows; wmax is 0 without it [ref/dotq#w]. The timer begins a merge then.
.tsg.isFull:{memory:.Q.w[];$[0<memory`wmax;memory[`used]>.tsg.fullShare*memory`wmax;0b]}

.tsg.refuseHeld:{if[.tsg.held;.tsg.refuse enlist `DatabaseHeld];}

.tsg.define:{[definition]
  series:definition 0;
  .tsg.checkColumns . definition 0 1 2;
  if[not all definition[3] in "fjbs";.tsg.badCall ".tsg.define: a type is not one of f j b s"];
  if[count[definition 3]<>count definition 2;.tsg.badCall ".tsg.define: types are not as many as fields"];
  .tsg.refuseHeld[];
  .tsg.staged:.tsg.none;
  .tsg.stage[series;definition 1;definition 2;definition 3;0b];
  .tsg.checkTypes[series;definition 2;definition 3];
  if[not .tsg.staged[series]~.tsg.stored series;
    record:(`.tsg.applyDefine;.tsg.now[];definition);
    .tsg.write record;
    .tsg.commit[];
    .tsg.publish record];
  .tsg.describe series}

/ As (tags; fields; types), or () of none: what define would write is nothing new when they are alike.
.tsg.stored:{[series] $[series in key .tsg.numbers;(.tsg.tagNames series;.tsg.fieldNames series;.tsg.fieldTypes series);()]}

.tsg.checkTypes:{[series;fields;types]
  have:.tsg.staged series;
  known:have[2] have[1]?fields;
  clash:where known<>types;
  if[count clash;.tsg.refuse (`FieldTypeClash;series;fields first clash;.tsg.typeNames known first clash;.tsg.typeNames types first clash)];}

.tsg.applyDefine:{[arrival;definition]
  .tsg.staged:.tsg.none;
  .tsg.stage[definition 0;definition 1;definition 2;definition 3;0b];
  .tsg.commit[];}
.tsg.appliers[`.tsg.applyDefine]:.tsg.applyDefine
