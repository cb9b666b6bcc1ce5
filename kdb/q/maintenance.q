/ Drop, delete, retain, tail.

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
  .tsg.forgetMemory series;
  .tsg.forgetSeries series;}
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
  .tsg.hotName[series] set .tsg.without[.tsg.hot series;points];
  .tsg.lateName[series] set .tsg.without[.tsg.late series;points];
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

/ The manifest knows the rows of parts. Only tag sets that have rows or deletions of such a day in memory are read, so that a point counts once.
.tsg.countOld:{[firstDay;series]
  wanted:.tsg.numbers series;
  stored:exec rows from .tsg.parts where number=wanted,day<firstDay;
  points:raze {[rows] `id`time#rows} each (.tsg.hot series;.tsg.late series;.tsg.gone series);
  points:points where points[`time]<firstDay*.tsg.dayNs;
  if[0=count points;:sum 0,stored];
  days:group points[`time] div .tsg.dayNs;
  sum 0,stored,.tsg.gainOf[series]'[key days;distinct each points[`id] .tsg.valuesOf days]}

/ How many points more there are of the ids in a day than parts say.
.tsg.gainOf:{[series;day;ids]
  start:.tsg.dayNs*day;
  stop:.tsg.endOfDay start;
  stored:.tsg.readPart[.tsg.lettersOf[series;0#0];ids;start;stop] each .tsg.partsOf[series;ids;start;stop];
  count[.tsg.rowsOf[series;0#0;ids;start;stop]]-sum 0,count each stored}

.tsg.applyRetain:{[arrival;firstDay]
  .tsg.parts:delete from .tsg.parts where day<firstDay;
  `.tsg.cuts insert (.tsg.sequence;firstDay);
  .tsg.retainSeries[firstDay*.tsg.dayNs] each key .tsg.numbers;}
.tsg.appliers[`.tsg.applyRetain]:.tsg.applyRetain

/ Newest values that are older are forgotten with their rows.
.tsg.retainSeries:{[start;series]
  .tsg.hotName[series] set .tsg.since[start;.tsg.hot series];
  .tsg.lateName[series] set .tsg.since[start;.tsg.late series];
  gone:.tsg.gone series;
  .tsg.gone[series]:select from gone where time>=start;
  newest:.tsg.newest series;
  old:where start>newest`time;                        / null times too: they stay null
  .tsg.newest[series;`time;old]:0N;
  .tsg.retainField[series;start]'[til count .tsg.fieldTypes series;.tsg.fieldTypes series];}

.tsg.since:{[start;rows] $[any start>rows`time;update id:`g#id from select from rows where time>=start;rows]}        / mostly none is

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
