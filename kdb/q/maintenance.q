/ Drop and tail.

/ ---- drop ----

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
  rows:raze .tsg.since[seen] each (.tsg.hot series;.tsg.late series);
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
