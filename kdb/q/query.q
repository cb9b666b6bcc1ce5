/ Reads: which tag sets, then which rows, then what becomes of them. Filters go to the ids first and to fields after late rows are laid over.

/ ---- filters: trees of lists whose heads are symbols of a closed list ----

.tsg.comparisons:`eq`ne`lt`le`gt`ge!({[sign] sign=0};{[sign] sign<>0};{[sign] sign<0};{[sign] sign<=0};{[sign] sign>0};{[sign] sign>=0})

/ Types, names and what can be compared. Nothing of a filter is ever evaluated as q.
.tsg.checkFilter:{[series;depth;filter]
  if[filter~(::);:(::)];
  if[depth>.tsg.maxFilterDepth;.tsg.badCall "a filter nests deeper than ",string .tsg.maxFilterDepth];
  if[not (type filter) in 0 11h;.tsg.badCall "a filter is not a list"];
  operator:first filter;
  if[not -11h=type operator;.tsg.badCall "operator is not a symbol"];
  operands:$[operator in `and`or`not`null;1;operator in `in,key .tsg.comparisons;2;.tsg.badCall "a filter has an unknown operator"];
  if[count[filter]<>1+operands;.tsg.badCall "operator ",string[operator]," does not have its operands"];
  if[operator in `and`or;
    if[not 0h=type filter 1;.tsg.badCall string[operator]," is not a list"];
    .tsg.checkFilter[series;depth+1] each filter 1;
    :(::)];
  if[operator=`not;:.tsg.checkFilter[series;depth+1;filter 1]];
  if[not -11h=type filter 1;.tsg.badCall "a name in a filter is not a symbol"];
  if[operator=`in;
    if[not 11h=type filter 2;.tsg.badCall "values is not a symbol vector"];
    :.tsg.tagNumber[series;filter 1]];
  field:.tsg.fieldNumber[series;filter 1];
  if[operator=`null;:field];
  letter:.tsg.fieldTypes[series] field;
  allowed:"fjbs"!(-9 -7h;-9 -7h;enlist -1h;enlist 10h);
  if[not (type filter 2) in -9 -7 -1 10h;.tsg.badCall "a constant is not a float, long, boolean or char vector"];
  if[(not (type filter 2) in allowed letter)|(letter="b")&not operator in `eq`ne;
    .tsg.refuse (`FilterNotSupported;operator;filter 1;.tsg.typeNames letter)];}

/ Numbers of the fields that it asks for.
.tsg.filterFields:{[series;filter]
  if[filter~(::);:0#0];
  $[filter[0] in `and`or;distinct raze enlist[0#0],.tsg.filterFields[series] each filter 1;
    filter[0]=`not;.tsg.filterFields[series;filter 1];
    filter[0]=`in;0#0;
    enlist .tsg.fieldNumber[series;filter 1]]}

/ Per tag set: (every row of it matches; some row may).
.tsg.bounds:{[series;filter]
  sets:count .tsg.tagKeys series;
  if[filter~(::);:2#enlist sets#1b];
  operator:filter 0;
  if[operator=`in;
    :2#enlist .tsg.tagValues[series;.tsg.tagNumber[series;filter 1]] in filter 2];
  if[operator=`not;:not reverse .tsg.bounds[series;filter 1]];
  if[not operator in `and`or;:(sets#0b;sets#1b)];
  $[operator=`and;(&/)[2#enlist sets#1b;.tsg.bounds[series] each filter 1];(|/)[2#enlist sets#0b;.tsg.bounds[series] each filter 1]]}

/ Which rows match: rows are a table of id and fields, late rows laid over.
.tsg.passes:{[series;rows;filter]
  if[(filter~(::))|0=count rows;:count[rows]#1b];
  operator:filter 0;
  if[operator=`and;:(&/)[count[rows]#1b;.tsg.passes[series;rows] each filter 1]];
  if[operator=`or;:(|/)[count[rows]#0b;.tsg.passes[series;rows] each filter 1]];
  if[operator=`not;:not .tsg.passes[series;rows;filter 1]];
  if[operator=`in;:(.tsg.tagValues[series;.tsg.tagNumber[series;filter 1]] in filter 2) rows`id];
  column:rows .tsg.valueColumn .tsg.fieldNumber[series;filter 1];
  given:.tsg.isGiven column;
  if[operator=`null;:not given];
  given&.tsg.comparisons[operator] .tsg.signs[column;filter 2]}

/ -1, 0 or 1 as values are below, at or above a constant. Numbers compare exactly: q's own = and < have a tolerance for floats, which a difference
/ compared with 0 does not [basics/precision].
.tsg.signs:{[column;constant]
  columnType:type column;
  $[0h=columnType;.tsg.signsOfTexts[column;" ",constant];
    4h=columnType;(column>"x"$constant)-column<"x"$constant;
    (9h=columnType)&-9h=type constant;signum column-constant;
    9h=columnType;.tsg.signsOfFloats[column;constant];
    -7h=type constant;(column>constant)-column<constant;
    .tsg.signsOfLongs[column;constant]]}

.tsg.signsOfTexts:{[column;constant]
  texts:distinct column;
  (.tsg.compareTexts[constant] each texts) texts?column}

/ By bytes, which for UTF-8 is by code point.
.tsg.compareTexts:{[constant;text]
  shared:count[text]&count constant;
  place:first where (shared#text)<>shared#constant;
  $[null place;signum count[text]-count constant;signum ("j"$"x"$text place)-"j"$"x"$constant place]}

/ Floats and a long: what the long loses as a float decides where they seem equal.
.tsg.signsOfFloats:{[column;constant]
  rounded:.tsg.toFloat constant;
  lost:$[rounded>9.2e18;1i;rounded< -9.2e18;-1i;signum ("j"$rounded)-constant];
  above:signum column-rounded;
  ?[(above=0)&not constant within -9007199254740992 9007199254740992;lost;above]}

/ Longs and a float: compared with its whole part; where that is equal the rest decides.
.tsg.signsOfLongs:{[column;constant]
  if[0<=constant-9.2233720368547758e18;:count[column]#-1i];
  if[0>=constant+9.2233720368547758e18;:count[column]#1i];
  whole:"j"$constant;
  if[0<("f"$whole)-constant;whole-:1];
  rest:$[0<constant-"f"$whole;-1i;0i];
  signs:(column>whole)-column<whole;
  ?[signs=0;count[column]#rest;signs]}

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

/ Per tag set the number of its group: groups are numbered in the order of their values, symbols by their bytes, which for UTF-8 is by code point.
.tsg.groupsOf:{[series;tags]
  sets:count .tsg.tagKeys series;
  if[0=count tags;:sets#0];
  names:`$"c",/:string til count tags;
  tagSets:flip names!.tsg.tagValues[series;.tsg.tagNames[series]?tags];
  (names xasc distinct tagSets)?tagSets}

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

.tsg.aggregators:`count`sum`avg`min`max`first`last!(
  {[field;column] sum "j"$.tsg.isGiven column};
  {[field;column] $[7h=type column;.tsg.sumLongs[field;column];any not null column;sum column;0n]};
  {[field;column] avg $[7h=type column;.tsg.toFloat column;column]};
  {[field;column] .tsg.ofGiven[min;column]};
  {[field;column] .tsg.ofGiven[max;column]};
  {[field;column] .tsg.ofGiven[first;column]};
  {[field;column] .tsg.lastGiven column})

/ q's own min and max of nothing but nulls are infinities, and first and last do not pass nulls over [ref/min], [ref/first].
.tsg.ofGiven:{[function;column]
  given:where .tsg.isGiven column;
  $[count given;function column given;.tsg.lastGiven 0#column]}

/ Longs wrap silently: upper and lower halves are summed apart, exact for 2^31 rows, and joined when the sum fits.
.tsg.sumLongs:{[field;column]
  given:column where not null column;
  if[0=count given;:0N];
  highs:given div 4294967296;
  low:sum given mod 4294967296;
  high:sum[highs]+low div 4294967296;
  rest:low mod 4294967296;
  if[not high within -2147483648 2147483647;.tsg.refuse (`LongOverflow;field)];
  $[high<0;(4294967296*high+1)+rest-4294967296;(4294967296*high)+rest]}             / 4294967296*-2147483648 would be null

.tsg.checkAggregate:{[series;aggregate]
  letter:.tsg.fieldTypes[series] .tsg.fieldNumber[series;aggregate 1];
  if[(aggregate[0] in `sum`avg`min`max)&not letter in "fj";
    .tsg.refuse (`AggregationNotSupported;aggregate 0;aggregate 1;.tsg.typeNames letter)];}

.tsg.aggregate:{[query]
  series:query`series; asked:query`select; tags:query`by;
  fields:.tsg.fieldNumber[series] each asked[;1];
  rows:.tsg.queryRows[query;fields];
  start:$[(::)~query`bucket;count[rows]#0;.tsg.bucketStart[query`bucket;rows`time]];
  cells:flip flip[rows],`cell`start!(.tsg.groupsOf[series;tags] rows`id;start);
  cells:cells where not null start;
  if[any asked[;0] in `first`last;cells:`time`id xasc cells];                       / of equal times first takes the lowest id, last the highest
  names:`$"a",/:string til count asked;
  trees:{[aggregate;field] (.tsg.aggregators[aggregate 0] aggregate 1;.tsg.valueColumn field)}'[asked;fields];
  found:0!?[cells;();`cell`start!`cell`start;(`anyId,names)!enlist[(first;`id)],trees];         / sorted by cell, then start [ref/select]
  if[`desc=query`order;found:`cell xasc `start xdesc found];                        / both sorts are stable
  if[(not query`cut)&count[found]>query`limit;.tsg.refuse (`ResultTooLarge;string query`limit)];
  found:query[`limit] sublist found;
  columns:.tsg.encodeTag[series;found`anyId] each tags;
  if[not (::)~query`bucket;columns,:enlist (`time;"t";"j"$found`start)];
  letters:{[letter;operator] $[operator=`count;"j";operator=`avg;"f";letter]}'[.tsg.fieldTypes[series] fields;asked[;0]];
  columns,:.tsg.encodeField'[asked[;2];letters;found names];
  (columns;count found;::)}

.tsg.rawPoints:{[query]
  series:query`series; tags:query`by;
  fields:$[count query`fields;.tsg.fieldNumber[series] each query`fields;til count .tsg.fieldNames series];
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
  columns:enlist (`time;"t";found`time);
  columns,:.tsg.encodeTag[series;found`id] each $[isPaged;.tsg.tagNames series;tags];
  columns,:.tsg.encodeField'[.tsg.fieldNames[series] fields;.tsg.fieldTypes[series] fields;found .tsg.valueColumn each fields];
  (columns;count found;following)}

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
  fields:distinct .tsg.filterFields[series;query`where],.tsg.fieldNumber[series] each $[count query`select;query[`select][;1];count query`fields;query`fields;.tsg.fieldNames series];
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
  fields:$[count asked 2;.tsg.fieldNumber[series] each asked 2;til count .tsg.fieldNames series];
  wanted:distinct fields,.tsg.filterFields[series;filter];
  newest:.tsg.newest series;
  names:`time,.tsg.valueColumn each wanted;
  rows:flip (`id,names)!enlist["i"$til count newest`time],newest names;
  rows:select from rows where not null time;
  rows:rows where .tsg.passes[series;rows;filter];
  columns:enlist (`time;"t";rows`time);
  columns,:.tsg.encodeTag[series;rows`id] each .tsg.tagNames series;
  columns,:.tsg.encodeField'[.tsg.fieldNames[series] fields;.tsg.fieldTypes[series] fields;rows .tsg.valueColumn each fields];
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
  memory:.tsg.hot[series][`time],.tsg.late[series]`time;
  oldest:min stored[`oldest],memory;
  newest:max stored[`latest],memory;
  isEmpty:0=count[stored]+count memory;               / min of nothing is 0W [ref/min]
  (series;.tsg.tagNames series;.tsg.fieldNames series;.tsg.fieldTypes series;count .tsg.tagKeys series;$[isEmpty;0N;oldest];$[isEmpty;0N;newest];
    sum[stored`rows]+count memory)}

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
  (bytes;.tsg.journalBytes[];sum 0,count each 1_.tsg.valuesOf .tsg.hot;sum 0,count each 1_.tsg.valuesOf .tsg.late;count .tsg.parts)}
