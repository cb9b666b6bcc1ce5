/ What a deletion or a retention is about, and how it is applied. Where there is little to read it is found in the call, else beside the writer (searches.q).

.tsg.delete:{[asked]
  .tsg.mustExist asked 0;
  .tsg.checkFilter[asked 0;1;asked 3];
  if[not asked 4;.tsg.refuseHeld[]];
  .tsg.change[`.tsg.delete;asked]}

/ Every day that ends at or before the time.
.tsg.retain:{[before]
  .tsg.refuseHeld[];
  .tsg.change[`.tsg.retain;before]}

/ ---- in the call, or :: where that would read too much ----

.tsg.deleteAtOnce:{[asked]
  series:asked 0; start:asked 1; stop:asked 2; filter:asked 3;
  .tsg.mustExist series;
  if[.tsg.inlineSearchRows<.tsg.rowsThere[series;first .tsg.selected[series;filter];start;stop];:(::)];
  points:.tsg.matching[series;start;stop;filter];
  if[(0=count points)|asked 4;:count points];
  .tsg.refuseHeld[];
  ids:.tsg.losing[series;points];
  newest:.tsg.newestWithout[series;points;ids;.tsg.inlineSearchRows];
  if[()~newest;:(::)];
  .tsg.enter[`.tsg.applyDelete;(series;points;(ids;newest);.tsg.sequence)];
  count points}

.tsg.retainAtOnce:{[before]
  firstDay:before div .tsg.dayNs;
  if[.tsg.inlineSearchRows<sum 0,.tsg.oldReads[firstDay] each key .tsg.numbers;:(::)];
  .tsg.refuseHeld[];
  gone:sum 0,.tsg.countOld[firstDay] each key .tsg.numbers;
  if[gone>0;.tsg.enter[`.tsg.applyRetain;firstDay]];
  gone}

/ Rows of parts, whole, and in memory.
.tsg.rowsThere:{[series;ids;start;stop]
  conditions:.tsg.rowsWithin[ids;start;stop];
  inMemory:{[conditions;rows] count ?[rows;conditions;0b;(enlist`id)!enlist`id]}[conditions] each (.tsg.hot series;.tsg.late series);
  sum inMemory,exec rows from .tsg.partsOf[series;ids;start;stop]}

/ ---- which points ----

/ id and time of the points that match.
.tsg.matching:{[series;start;stop;filter]
  chosen:.tsg.selected[series;filter];
  rows:.tsg.rowsOf[series;.tsg.filterFields[series;filter];chosen 0;start;stop];
  `id`time#$[chosen 1;rows where .tsg.passes[series;rows;filter];rows]}

/ Days of which there are rows.
.tsg.daysOf:{[series;ids;start;stop]
  times:{[conditions;rows] ?[rows;conditions;();`time]}[.tsg.rowsWithin[ids;start;stop]] each (.tsg.hot series;.tsg.late series);
  distinct (exec day from .tsg.partsOf[series;ids;start;stop]),raze[times] div .tsg.dayNs}

/ ---- what is newest without them ----

/ The tag sets of which something newest is among the points: of all others nothing newest changes.
.tsg.losing:{[series;points]
  newest:.tsg.newest series;
  times:key[newest] where key[newest] like "t*";
  isNewest:{[points;column] points[`time]=column points`id}[points] each newest times;
  distinct points[`id] where (|/) isNewest}

/ Found again among all of their rows, a day after another from the last one back, until every column has what it had before: dictionary as .tsg.newest has it.
/ () when more than so many rows would have to be read.
.tsg.newestWithout:{[series;points;ids;most]
  newest:.tsg.newest series;
  had:key[newest]!.tsg.valuesOf[newest]@\:ids;
  begin:.tsg.newestOf[series;0#.tsg.hot series;ids];
  if[0=count ids;:begin];
  days:desc .tsg.daysOf[series;ids;.tsg.leastTime;0W];
  found:.tsg.lookBack[series;points;ids;had]/[(begin;most);days];                   / [ref/accumulators#binary-values]
  $[(0>found 1)&any .tsg.isOpen[had;found 0];();found 0]}

/ Per id whether a column that had a value does not have one yet.
.tsg.isOpen:{[had;found]
  times:key[had] where key[had] like "t*";
  (|/) {[had;found;name] null[found name]&not null had name}[had;found] each times}

/ (found; how many rows may still be read, below 0: it ended early).
.tsg.lookBack:{[series;points;ids;had;state;day]
  isOpen:.tsg.isOpen[had;state 0];
  if[(0>state 1)|not any isOpen;:state];
  start:.tsg.dayNs*day;
  stop:.tsg.endOfDay start;
  wanted:ids where isOpen;
  reads:.tsg.rowsThere[series;wanted;start;stop];
  if[reads>state 1;:(state 0;-1)];
  rows:.tsg.rowsOf[series;til count .tsg.fieldTypes series;wanted;start;stop];
  gone:points where points[`time] within (start;stop-1);
  left:rows where count[gone]=gone?`id`time#rows;
  (.tsg.overlay[.tsg.newestOf[series;left;ids];state 0];state[1]-reads)}

/ Of rows in the order in which they came: time and fields as .tsg.newest has them, for the ids.
.tsg.newestOf:{[series;rows;ids]
  sorted:`time xasc rows;                             / stable
  newest:(enlist`time)!enlist .tsg.byId[sorted`id;sorted`time;ids;0N];
  (,/)[newest;.tsg.newestField[sorted;ids]'[til count .tsg.fieldTypes series;.tsg.fieldTypes series]]}

.tsg.newestField:{[sorted;ids;field;letter]
  column:sorted .tsg.valueColumn field;
  given:where .tsg.isGiven column;
  held:(.tsg.byId[sorted[`id] given;column given;ids;.tsg.nulls letter];.tsg.byId[sorted[`id] given;sorted[`time] given;ids;0N]);
  (.tsg.valueColumn field;.tsg.timeColumn field)!held}

/ Per id the last of its values, or nothing.
.tsg.byId:{[rowIds;column;ids;nothing]
  places:last each group rowIds;
  has:ids in key places;
  result:count[ids]#enlist nothing;
  if[any has;result[where has]:column places ids where has];
  result}

/ Two of these, of the same ids: what is newer, of equal times that of the second.
.tsg.overlay:{[below;above]
  below[`time]:below[`time]|above`time;
  .tsg.overlayField[above]/[below;til (count[below]-1) div 2]}

.tsg.overlayField:{[above;below;field]
  content:.tsg.valueColumn field;
  times:.tsg.timeColumn field;
  places:where above[times]>=below times;
  below[content]:@[below content;places;:;above[content] places];
  below[times]:below[times]|above times;
  below}

/ ---- applied ----

/ Explicit points, so that applying it again needs no part: rows in memory go, those of records up to the one that the search had seen; what parts hold is
/ hidden until the next merge leaves it out. (series; points; (ids; newest); record)
.tsg.applyDelete:{[arrival;arguments]
  series:arguments 0; points:arguments 1; ids:first arguments 2; newest:last arguments 2; seen:arguments 3;
  .tsg.hotName[series] set .tsg.without[.tsg.hot series;points;seen];
  .tsg.lateName[series] set .tsg.without[.tsg.late series;points;seen];
  .tsg.gone[series],:flip `sequence`id`time!(count[points]#.tsg.sequence;points`id;points`time);
  if[count ids;.tsg.putNewest[series;ids]'[key newest;.tsg.valuesOf newest]];}
.tsg.appliers[`.tsg.applyDelete]:.tsg.applyDelete

/ By the attribute of id first; mostly there is nothing to be copied.
.tsg.without:{[rows;points;seen]
  ids:distinct points`id;
  near:exec i from rows where id in ids,sequence<=seen;
  hit:near where count[points]>points?`id`time#rows near;
  if[0=count hit;:rows];
  kept:rows where @[count[rows]#1b;hit;:;0b];
  update id:`g#id from kept}

.tsg.putNewest:{[series;ids;column;content] .tsg.newest[series;column;ids]:content;}

/ What counting the points of days that a retention cuts off would read.
.tsg.oldReads:{[firstDay;series]
  points:.tsg.oldInMemory[firstDay;series];
  if[0=count points;:0];
  days:distinct points[`time] div .tsg.dayNs;
  wanted:.tsg.numbers series;
  count[points]+exec sum rows from .tsg.parts where number=wanted,day in days}

.tsg.oldInMemory:{[firstDay;series]
  start:firstDay*.tsg.dayNs;
  raze {[start;rows] select id,time from rows where time<start}[start] each (.tsg.hot series;.tsg.late series;.tsg.gone series)}

/ The manifest knows the rows of parts. Only tag sets that have rows or deletions of such a day in memory are read, so that a point counts once.
.tsg.countOld:{[firstDay;series]
  wanted:.tsg.numbers series;
  stored:exec rows from .tsg.parts where number=wanted,day<firstDay;
  points:.tsg.oldInMemory[firstDay;series];
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
  .tsg.hotName[series] set .tsg.startingAt[start;.tsg.hot series];
  .tsg.lateName[series] set .tsg.startingAt[start;.tsg.late series];
  gone:.tsg.gone series;
  .tsg.gone[series]:select from gone where time>=start;
  newest:.tsg.newest series;
  old:where start>newest`time;                        / null times too: they stay null
  .tsg.newest[series;`time;old]:0N;
  .tsg.retainField[series;start]'[til count .tsg.fieldTypes series;.tsg.fieldTypes series];}

.tsg.startingAt:{[start;rows] $[any start>rows`time;update id:`g#id from select from rows where time>=start;rows]}        / mostly none is

.tsg.retainField:{[series;start;field;letter]
  timeName:.tsg.timeColumn field;
  old:where start>.tsg.newest[series;timeName];
  if[0=count old;:(::)];
  .tsg.newest[series;timeName;old]:0N;
  .tsg.newest[series;.tsg.valueColumn field;old]:.tsg.nullColumn[letter;count old];}
