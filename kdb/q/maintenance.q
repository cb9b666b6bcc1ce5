/ Drop, delete, retain, tail; checkpoints. A checkpoint closes the journal file and brings what is in memory into parts: a small one here, any
/ other in a process of its own (-role merge) that reads the manifest and the closed files; this process then switches manifests.

/ ---- drop, delete, retain ----

/ 0N: whatever the catalogue version is.
.tsg.drop:{[series;version]
  .tsg.refuseHeld[];
  .tsg.mustExist series;
  if[not (null version)|version=.tsg.catalogueVersion;.tsg.refuse (`CatalogueChanged;string .tsg.catalogueVersion)];
  .tsg.enter[`.tsg.applyDrop;series];}

/ One record that needs no plan: written, applied, sent to the readers.
.tsg.enter:{[name;arguments]
  record:(name;.tsg.now[];arguments);
  .tsg.write record;
  .tsg.appliers[name][record 1;arguments];
  .tsg.publish record;}

.tsg.applyDrop:{[arrival;series]
  .tsg.forgetSeries series;
  .tsg.forgetMemory series;}
.tsg.appliers[`.tsg.applyDrop]:.tsg.applyDrop

.tsg.delete:{[asked]
  series:asked 0; start:asked 1; stop:asked 2; filter:asked 3;
  .tsg.mustExist series;
  .tsg.checkFilter[series;1;filter];
  points:.tsg.matching[series;start;stop;filter];
  if[(0=count points)|asked 4;:count points];
  .tsg.refuseHeld[];
  .tsg.enter[`.tsg.applyDelete;(series;points;.tsg.newestWithout[series;points])];
  count points}

/ id and time of the points that match.
.tsg.matching:{[series;start;stop;filter]
  chosen:.tsg.selected[series;filter];
  rows:.tsg.rowsOf[series;.tsg.filterFields[series;filter];chosen 0;start;stop];
  `id`time#$[chosen 1;rows where .tsg.passes[series;rows;filter];rows]}

/ What is newest of each tag set that loses points, found again among all of its rows: (ids; time and fields as in .tsg.newest).
.tsg.newestWithout:{[series;points]
  ids:distinct points`id;
  fields:til count .tsg.fieldTypes series;
  rows:.tsg.rowsOf[series;fields;ids;.tsg.leastTime;0W];
  left:`time xasc rows where count[points]=points?`id`time#rows;
  newest:(enlist`time)!enlist .tsg.byId[left`id;left`time;ids;0N];
  (ids;(,/)[newest;.tsg.newestField[left;ids] each fields,'enlist each .tsg.fieldTypes series])}

.tsg.newestField:{[left;ids;field]
  number:field 0;
  column:left .tsg.valueColumn number;
  given:where .tsg.isGiven column;
  (.tsg.valueColumn number;.tsg.timeColumn number)!(.tsg.byId[left[`id] given;column given;ids;.tsg.nulls field 1];.tsg.byId[left[`id] given;left[`time] given;ids;0N])}

/ Per id the last of its values, or nothing.
.tsg.byId:{[rowIds;column;ids;nothing]
  places:last each group rowIds;
  has:ids in key places;
  result:count[ids]#enlist nothing;
  if[any has;result[where has]:column places ids where has];
  result}

/ Explicit points, so that applying it again needs no part: rows in memory go, what parts hold is hidden until the next merge leaves it out.
.tsg.applyDelete:{[arrival;arguments]
  series:arguments 0; points:arguments 1; ids:first arguments 2; newest:last arguments 2;
  .tsg.hot[series]:.tsg.without[.tsg.hot series;points];
  .tsg.late[series]:.tsg.without[.tsg.late series;points];
  .tsg.gone[series],:flip `sequence`id`time!(count[points]#.tsg.sequence;points`id;points`time);
  .tsg.putNewest[series;ids]'[key newest;.tsg.valuesOf newest];}
.tsg.appliers[`.tsg.applyDelete]:.tsg.applyDelete

.tsg.without:{[rows;points]
  kept:rows where count[points]=points?`id`time#rows;
  update id:`g#id from kept}
.tsg.putNewest:{[series;ids;column;content] .tsg.newest[series;column;ids]:content;}

/ Every day that ends at or before the time.
.tsg.retain:{[before]
  .tsg.refuseHeld[];
  firstDay:before div .tsg.dayNs;
  gone:sum 0,.tsg.countOld[firstDay] each key .tsg.numbers;
  if[gone>0;.tsg.enter[`.tsg.applyRetain;firstDay]];
  gone}

/ Of parts that nothing in memory touches the manifest knows the rows; the others are resolved, so that a point counts once.
.tsg.countOld:{[firstDay;series]
  wanted:.tsg.numbers series;
  stored:select number,day,slice,rows from .tsg.parts where number=wanted,day<firstDay;
  touched:.tsg.touched series;
  touched:touched where firstDay>touched`day;
  untouched:count[touched]=touched?`day`slice#stored;
  sum[stored[`rows] where untouched]+sum 0,.tsg.countDay[series] each distinct touched`day}

.tsg.countDay:{[series;day]
  touched:.tsg.touched series;
  slices:touched[`slice] where day=touched`day;
  ids:raze .tsg.idsOfSlice[series] each slices;
  start:.tsg.dayNs*day;
  count .tsg.rowsOf[series;0#0;ids;start;.tsg.endOfDay start]}

.tsg.applyRetain:{[arrival;firstDay]
  .tsg.parts:delete from .tsg.parts where day<firstDay;
  `.tsg.cuts insert (.tsg.sequence;firstDay);
  .tsg.retainSeries[firstDay*.tsg.dayNs] each key .tsg.numbers;}
.tsg.appliers[`.tsg.applyRetain]:.tsg.applyRetain

/ Newest values that are older are forgotten with their rows.
.tsg.retainSeries:{[start;series]
  .tsg.hot[series]:.tsg.since[start;.tsg.hot series];
  .tsg.late[series]:.tsg.since[start;.tsg.late series];
  gone:.tsg.gone series;
  .tsg.gone[series]:select from gone where time>=start;
  newest:.tsg.newest series;
  old:where start>newest`time;                        / null times too: they stay null
  .tsg.newest[series;`time;old]:0N;
  .tsg.retainField[series;start]'[til count .tsg.fieldTypes series;.tsg.fieldTypes series];}

.tsg.since:{[start;rows] update id:`g#id from select from rows where time>=start}

.tsg.retainField:{[series;start;field;letter]
  timeName:.tsg.timeColumn field;
  old:where start>.tsg.newest[series;timeName];
  if[0=count old;:(::)];
  .tsg.newest[series;timeName;old]:0N;
  .tsg.newest[series;.tsg.valueColumn field;old]:.tsg.nullColumn[letter;count old];}

/ Nothing is merged: whatever is written into a day of a series goes into its one part of each slice. (parts; into; bytes before; bytes after; left)
.tsg.compact:{[nothing] 5#0}

/ ---- tail ----

/ Rows since a position of the journal, from memory, in whole records: the first one in any case. A negative generation asks where the journal ends.
.tsg.tail:{[asked]
  series:asked 0; generation:asked 1; most:asked 3;
  .tsg.mustExist series;
  if[generation<0;:(();.tsg.generation;.tsg.offset)];
  known:exec sequence from .tsg.positions where generation=asked[1],offset=asked[2];     / the column hides the name
  if[0=count known;.tsg.refuse (`CursorGone;string generation)];
  seen:max known;
  hot:.tsg.hot series;
  late:.tsg.late series;
  rows:(select from hot where sequence>seen),select from late where sequence>seen;
  rows:rows iasc rows`sequence;                       / stable: points of one record stay in their order
  reached:$[most<count rows;.tsg.lastWhole[rows`sequence;most];.tsg.sequence];
  rows:select from rows where sequence<=reached;
  position:last select from .tsg.positions where sequence=reached;
  ($[count rows;enlist .tsg.partOf[series;rows];()];position`generation;position`offset)}

/ The last record that fits into so many rows, at least the first; records are numbers that ascend.
.tsg.lastWhole:{[records;most]
  ends:sums count each group records;
  fitting:where ends<=most;
  $[count fitting;last fitting;first records]}

/ Rows as a part of an insert.
.tsg.partOf:{[series;rows]
  ids:distinct rows`id;
  tags:.tsg.tagNames series;
  letters:.tsg.fieldTypes series;
  columns:rows .tsg.valueColumn each til count letters;
  present:where {[column] any .tsg.isGiven column} each columns;
  columns:columns present;
  tagColumns:.tsg.tagValues[series]@\:ids;
  row:$[count tags;"i"$ids?rows`id;count[rows]#0i];
  validity:{[column] given:.tsg.isGiven column;$[all given;(::);given]} each columns;
  (series;tags;tagColumns;row;rows`time;.tsg.fieldNames[series] present;letters present;validity;.tsg.wireColumn'[letters present;columns])}

.tsg.wireColumn:{[letter;column]
  $[letter="b";column=0x01;letter="s";1_.tsg.encodeTexts column;column]}

/ ---- checkpoint ----

.tsg.merging:-1                                       / the journal file up to which a merge is under way, or -1
.tsg.retryAfter:0                                     / ns since 1970
.tsg.waiting:0#0i                                     / handles that wait for it
.tsg.waitingNext:0#0i                                 / handles that asked when it was under way: they wait for the one after it
.tsg.replaced:0#0                                     / serials of parts that went out with the last switch: readers may still have them

/ The reply of a large one comes when it is done [basics/internal#-30x]; its connection has no other request under way.
.tsg.checkpoint:{[nothing]
  isUnderWay:.tsg.merging>=0;
  if[not isUnderWay;.tsg.beginMerge[]];
  if[(.tsg.merging<0)|.z.w=0;:(::)];
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
  $[.tsg.inlineRows>=.tsg.mergeRows[];.tsg.mergeHere closed;.tsg.startMerge closed];}

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
  .tsg.switch[];}

.tsg.mergeFailed:{[reason]
  .tsg.log "merge: ",reason;
  .tsg.refuse $[reason like "*No space left*";enlist `StorageFull;(`StorageFailed;reason)]}

/ What the manifest is to say.
.tsg.finishMerge:{[closed;parts]
  .tsg.replaced:.tsg.parts[`serial] except parts`serial;
  .tsg.parts:parts;
  .tsg.mergedGeneration:closed+1;
  .tsg.mergedSequence:.tsg.sequence;}

/ One at a time, whoever starts it: the lock ends with the process.
.tsg.startMerge:{[closed]
  .tsg.merging:closed;
  .tsg.mergeStarted:.tsg.now[];
  command:"flock -n ",.tsg.quoted[.tsg.manifestPath `merge.lock]," ",.tsg.program[]," ",.tsg.quoted[hsym `$.tsg.directory,"tsg.q"];
  .tsg.startShell[command," -config ",.tsg.quoted[.tsg.configFile]," -role merge -upto ",string[closed]," -q";.tsg.manifestPath `merge.log];}

.tsg.program:{.tsg.quoted hsym `$first .z.X}         / the name that this process was started with [ref/dotz#zX]
.tsg.mergeStarted:0

/ The whole of a merge process: the manifest, the closed files of the journal, parts, the next manifest.
.tsg.runMerge:{
  .tsg.finishMerge[.tsg.mergeUpTo;.tsg.mergeAll[]];
  .tsg.saveManifest `manifest.ready;
  exit 0;}

/ From the timer: a merge that is done is switched to; one that ended without a manifest is started again.
.tsg.watchMerge:{
  if[.tsg.merging<0;:(::)];
  ready:.tsg.manifestPath `manifest.ready;
  if[.tsg.isThere ready;
    saved:.tsg.readManifest `manifest.ready;
    .tsg.renameReady ready;
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
  .tsg.replaced:(.tsg.parts[`serial],saved[`.tsg.parts]`serial) except parts`serial;        / a backup takes all that the manifest names
  .tsg.parts:parts;
  .tsg.nextSerial:saved`.tsg.nextSerial;
  .tsg.mergedGeneration:saved`.tsg.mergedGeneration;
  .tsg.mergedSequence:saved`.tsg.mergedSequence;}

/ What parts have now goes from memory, from the journal, and from the readers.
.tsg.switch:{
  .tsg.retryAfter:0;
  .tsg.forgetMerged .tsg.mergedSequence;
  .tsg.positions:select from .tsg.positions where sequence>=.tsg.mergedSequence;
  .tsg.publish (`.tsg.applySwitch;.tsg.parts;.tsg.mergedSequence);
  .tsg.removeUnlisted .tsg.replaced;
  {[generation] hdel .tsg.journalPath generation} each .tsg.oldJournals[];}

.tsg.oldJournals:{found:.tsg.journalsFrom 0;found where found<.tsg.mergedGeneration}

.tsg.forgetMerged:{[merged]
  .tsg.forgetRows[merged] each key .tsg.numbers;
  .tsg.cuts:select from .tsg.cuts where sequence>merged;}

.tsg.forgetRows:{[merged;series]
  hot:.tsg.hot series;
  late:.tsg.late series;
  gone:.tsg.gone series;
  .tsg.hot[series]:update id:`g#id from select from hot where sequence>merged;
  .tsg.late[series]:update id:`g#id from select from late where sequence>merged;
  .tsg.gone[series]:select from gone where sequence>merged;}

/ Directories of parts that no manifest names go, but for those given: they go with the next switch.
.tsg.removeUnlisted:{[spared]
  listed:`$"part-",/:string .tsg.parts[`serial],spared;
  {[listed;volume]
    found:key volume;
    stale:found where (found like "part-*")&not found in listed;
    .tsg.removePath each .tsg.joinPath[volume] each stale}[listed] each .tsg.volumes;}
