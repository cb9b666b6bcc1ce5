/ Reads: which tag sets, then which rows, then what becomes of them.

/ ---- raw points and aggregates ----

/ (ids; whether rows are to be asked too); ids are `every where all are wanted.
.tsg.selected:{[series;filter]
  if[filter~(::);:(`every;0b)];
  bounds:.tsg.bounds[series;filter];
  ids:"i"$where bounds 1;
  ($[count[ids]=count .tsg.tagKeys series;`every;ids];not all bounds[0] where bounds 1)}

/ Rows that a query is about.
.tsg.queryRows:{[query;fields]
  series:query`series;
  chosen:.tsg.selected[series;query`where];
  rows:.tsg.rowsOf[series;distinct fields,.tsg.filterFields[series;query`where];chosen 0;query`from;query`to];
  $[chosen 1;rows where .tsg.passes[series;rows;query`where];rows]}

/ Per tag set its values of some tags, as a table: so that one is found as a row [ref/find].
.tsg.tagKeysBy:{[series;tags]
  if[0=count tags;:count[.tsg.tagKeys series]#0];
  flip (`$"c",/:string til count tags)!.tsg.tagValues[series;.tsg.tagNumber[series] each tags]}

/ Per tag set the number of its group: groups are numbered in the order of their values, symbols by their bytes, which for UTF-8 is by code point.
.tsg.groupsOf:{[series;tags]
  sets:count .tsg.tagKeys series;
  if[0=count tags;:sets#0];
  tagSets:.tsg.tagKeysBy[series;tags];
  (cols[tagSets] xasc distinct tagSets)?tagSets}

/ Start of the bucket of each time, null where there is none. What a time is behind it is less than the width: neither passes 2^63, and time - origin could.
/ A bucket that begins before all longs begins at -0W. mod floors [ref/mod].
.tsg.bucketStart:{[bucket;time]
  if[`edges=first bucket;
    place:bucket[1] bin time;                         / [ref/bin] -1 before the first
    :?[(place<0)|place=count[bucket 1]-1;0N;bucket[1] place]];
  width:bucket 1;
  origin:bucket[2] mod width;
  behind:(time mod width)-origin;
  behind:behind+width*behind<0;
  ?[(time<0)&behind>time+0W;-0W;time-behind]}

.tsg.aggregate:{[query]
  series:query`series; asked:query`select; tags:query`by;
  rows:.tsg.queryRows[query;.tsg.selectFields[series;asked]];
  start:$[(::)~query`bucket;count[rows]#0;.tsg.bucketStart[query`bucket;rows`time]];
  cells:flip flip[rows],`cell`start!(.tsg.groupsOf[series;tags] rows`id;start);
  cells:cells where not null start;
  if[any asked[;0] in .tsg.ofOrdered;cells:`time`id xasc cells];                      / of equal times first takes the lowest id, last the highest
  cells:.tsg.withSteps/[cells;.tsg.steppedColumns[series;asked]];
  names:`$"a",/:string til count asked;
  trees:.tsg.aggregateTree[series] each asked;
  found:0!?[cells;();`cell`start!`cell`start;(`anyId,names)!enlist[(first;`id)],trees];         / sorted by cell, then start [ref/select]
  if[`desc=query`order;found:`cell xasc `start xdesc found];                        / both sorts are stable
  if[(not query`cut)&count[found]>query`limit;.tsg.refuse (`ResultTooLarge;string query`limit)];
  found:query[`limit] sublist found;
  columns:.tsg.encodeTag[series;found`anyId] each tags;
  if[not (::)~query`bucket;columns,:enlist (`time;"t";"j"$found`start)];
  letters:(.tsg.fieldTypes[series] .tsg.fieldNumber[series] each asked[;1])^.tsg.aggregateGives asked[;0];         / [ref/fill] " " is the null of chars
  columns,:.tsg.encodeField'[asked[;2];letters;found names];
  (columns;count found;::)}

.tsg.rawPoints:{[query]
  series:query`series; tags:query`by;
  fields:.tsg.fieldsNamed[series;query`fields];
  page:.tsg.rawPage[query;fields];
  columns:.tsg.encodePoints[series;$[count tags;tags;.tsg.tagNames series];fields;page 0];
  (columns;count page 0;page 1)}

/ All of them when none is named.
.tsg.fieldsNamed:{[series;names] $[count names;.tsg.fieldNumber[series] each names;til count .tsg.fieldNames series]}

.tsg.encodePoints:{[series;tags;fields;rows]
  columns:enlist (`time;"t";rows`time);
  columns,:.tsg.encodeTag[series;rows`id] each tags;
  columns,.tsg.encodeField'[.tsg.fieldNames[series] fields;.tsg.fieldTypes[series] fields;rows .tsg.valueColumn each fields]}

/ (rows; the cursor behind them or ::)
.tsg.rawPage:{[query;fields]
  series:query`series; tags:query`by;
  rows:.tsg.queryRows[query;fields];
  isPaged:0=count tags;
  cursor:query`after;
  if[isPaged&not cursor~(::);rows:.tsg.after[rows;query`order;cursor 0;cursor 1]];
  sorted:$[`desc=query`order;`time xdesc `id xasc rows;`time`id xasc rows];
  if[not isPaged;sorted:sorted iasc .tsg.groupsOf[series;tags] sorted`id];
  limit:query`limit;
  if[not[isPaged|query`cut]&limit<count sorted;.tsg.refuse (`ResultTooLarge;string limit)];
  if[isPaged;limit:limit&.tsg.pageRows limit sublist sorted];
  found:limit sublist sorted;
  following:$[isPaged&(0<count found)&limit<count sorted;("j"$last found`time;"j"$last found`id);(::)];
  (found;following)}

.tsg.after:{[rows;order;time;id]
  times:rows`time;
  isBehind:$[order=`desc;times<time;times>time];
  rows where isBehind|(times=time)&id<rows`id}

/ How many rows a reply holds; at least one [basics/internal#-22x]. As many as fit when they are alike, and half of them as long as they are not.
.tsg.pageRows:{[rows]
  bytes:-22!rows;
  if[bytes<=.tsg.maxReplyBytes;:count rows];
  count .tsg.halfPage/[(1|floor count[rows]*.tsg.maxReplyBytes%bytes) sublist rows]}

.tsg.halfPage:{[rows] $[(2>count rows)|.tsg.maxReplyBytes>=-22!rows;rows;(count[rows] div 2) sublist rows]}

.tsg.encodeTag:{[series;ids;tag]
  tagValues:.tsg.tagValues[series;.tsg.tagNumber[series;tag]] "i"$ids;               / a result without rows has no type
  dictionary:distinct tagValues;
  (tag;"g";(dictionary;"i"$dictionary?tagValues))}

.tsg.encodeField:{[name;letter;column]
  if[not letter="s";:(name;letter;("fjb"!"fjx")[letter]$column)];                  / the cast is for columns without rows
  (name;"s";.tsg.encodeTexts column)}

/ (validity or ::; lengths; bytes) of texts with a blank before them.
.tsg.encodeTexts:{[column]
  given:.tsg.isGiven column;
  texts:1_/:column;
  ($[all given;(::);given];"i"$count each texts;raze enlist[""],texts)}

/ ---- calls ----

.tsg.query:{[query]
  .tsg.checkQuery query;
  .tsg.answer query}

.tsg.answer:{[query] $[count query`select;.tsg.aggregate query;.tsg.rawPoints query]}

.tsg.explain:{[query]
  began:.z.p;
  .tsg.checkQuery query;
  series:query`series;
  rows:.tsg.answer[query] 1;
  ended:.z.p;
  ids:first .tsg.selected[series;query`where];
  parts:.tsg.partsOf[series;ids;query`from;query`to];
  asked:$[count query`select;.tsg.selectFields[series;query`select];.tsg.fieldsNamed[series;query`fields]];
  fields:distinct .tsg.filterFields[series;query`where],asked;
  bytes:.tsg.readBytes[`id`time,.tsg.valueColumn each fields] each parts;
  (rows;count parts;.tsg.perVolume[parts`volume;bytes];0;count .tsg.hot series;count .tsg.late series;0;1|"j"$ended-began)}

/ Amend adds up where an index occurs again [ref/amend].
.tsg.perVolume:{[volumes;bytes]
  empty:count[.tsg.volumes]#0;
  $[count volumes;@[empty;volumes;+;bytes];empty]}

/ Of the columns that a part has, as stored. q maps them: what was in memory and how long the rest took is the kernel's affair, so those figures are 0.
.tsg.readBytes:{[columns;part]
  path:.tsg.partPath part;
  present:columns inter .tsg.readFile .tsg.joinPath[path;`.d];
  sum .tsg.fileBytes each .tsg.joinPath[path] each present}

.tsg.latest:{[asked]
  series:asked 0; filter:asked 1;
  .tsg.mustExist series;
  .tsg.checkFilter[series;1;filter];
  fields:.tsg.fieldsNamed[series;asked 2];
  wanted:distinct fields,.tsg.filterFields[series;filter];
  newest:.tsg.newest series;
  names:`time,.tsg.valueColumn each wanted;
  rows:flip (`id,names)!enlist["i"$til count newest`time],newest names;
  rows:select from rows where not null time;
  rows:rows where .tsg.passes[series;rows;filter];
  columns:.tsg.encodePoints[series;.tsg.tagNames series;fields;rows];
  (columns;count rows;::)}

.tsg.tags:{[series]
  .tsg.mustExist series;
  .tsg.countTag'[.tsg.tagNames series;.tsg.tagValues series]}

.tsg.countTag:{[tag;tagValues]
  counts:count each group tagValues where not null tagValues;
  (tag;(0#`),key counts;"i"$.tsg.valuesOf counts)}

.tsg.describe:{[series]
  .tsg.mustExist series;
  wanted:.tsg.numbers series;
  stored:select from .tsg.parts where number=wanted;
  hot:.tsg.hot series;
  late:.tsg.late series;
  oldest:min min each (stored`oldest;hot`time;late`time);           / of nothing 0W [ref/min]
  newest:max max each (stored`latest;hot`time;late`time);
  memory:count[hot]+count late;
  isEmpty:0=count[stored]+memory;
  (series;.tsg.tagNames series;.tsg.fieldNames series;.tsg.fieldTypes series;count .tsg.tagKeys series;$[isEmpty;0N;oldest];$[isEmpty;0N;newest];
    sum[stored`rows]+memory)}

.tsg.series:{[page]
  names:asc key .tsg.numbers;                         / by bytes [ref/asc]
  names:names where names>page 0;
  columns:count each .tsg.tagNames[names],'.tsg.fieldNames names;
  room:sum .tsg.maxPageColumns>0,-1_sums columns;     / the one that goes over is the last
  found:(page[1]&room) sublist names;
  (.tsg.describe each found;$[count[found]<count names;$[count found;last found;page 0];`])}

.tsg.hello:{[nothing] (.tsg.contractVersion;`q;.tsg.schema;.tsg.catalogueVersion;.tsg.maxTagSets)}

.tsg.stats:{[nothing]
  bytes:.tsg.perVolume[.tsg.parts`volume;.tsg.parts`bytes];
  .tsg.log "symbols: ",-3!.Q.w[]`syms`symw;           / tag values are symbols, and symbols stay [ref/dotq#w]
  (bytes;.tsg.journalBytes[];.tsg.hotRows[];.tsg.lateRows[];count .tsg.parts;.tsg.generation;.tsg.offset;.tsg.checkpointed)}
