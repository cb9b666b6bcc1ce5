/ Rows that are not in parts yet. A row newer than all of its tag set is appended to the hot table and never de-duplicated; any other goes to the late
/ table, which reads lay over the rest: later rows win, field by field, and null never erases.
/ Columns: sequence of the journal record, id of the tag set (`g#), time in ns since 1970, f0 f1 … the fields by number. Null of a boolean, a byte here,
/ is 0x02; a string has one blank before its text, so that "" is its null and comparisons stay what they are.

/ Tables of rows are variables of their own, named by the number of their series: upsert by name appends in place [ref/upsert], where of a table inside a
/ dictionary no page says that its columns are not copied.
.tsg.hotName:{[series] `$".tsg.hot",string .tsg.numbers series}
.tsg.lateName:{[series] `$".tsg.late",string .tsg.numbers series}
.tsg.hot:{[series] get .tsg.hotName series}
.tsg.late:{[series] get .tsg.lateName series}         / in order of arrival
.tsg.gone:.tsg.none                                   / series -> points deleted since the last merge: what parts hold of them is hidden
.tsg.newest:.tsg.none                                 / series -> by id: time, and of each field value f0 … and its time t0 …

/ Those of later records: they ascend.
.tsg.since:{[seen;rows] (1+rows[`sequence] bin seen)_rows}

.tsg.hotRows:{sum 0,{[series] count .tsg.hot series} each key .tsg.numbers}
.tsg.lateRows:{sum 0,{[series] count .tsg.late series} each key .tsg.numbers}

.tsg.nulls:"fjbs"!(0n;0N;0x02;"")
.tsg.valueColumn:{[field] `$"f",string field}
.tsg.timeColumn:{[field] `$"t",string field}
.tsg.nullColumn:{[letter;rows] rows#enlist .tsg.nulls letter}
.tsg.isGiven:{[column] $[0h=type column;0<count each column;4h=type column;column<>0x02;not null column]}

.tsg.createMemory:{[series]
  .tsg.hotName[series] set ([]sequence:0#0;id:`g#0#0i;time:0#0);
  .tsg.lateName[series] set ([]sequence:0#0;id:`g#0#0i;time:0#0);
  .tsg.gone[series]:([]sequence:0#0;id:0#0i;time:0#0);
  .tsg.newest[series]:(enlist`time)!enlist 0#0;}

.tsg.addField:{[series;field;letter]
  column:enlist .tsg.valueColumn field;
  .tsg.hotName[series] set .tsg.withColumn[.tsg.hot series;column;letter];
  .tsg.lateName[series] set .tsg.withColumn[.tsg.late series;column;letter];
  sets:count .tsg.tagKeys series;
  .tsg.newest[series]:.tsg.newest[series],(column,.tsg.timeColumn field)!(.tsg.nullColumn[letter;sets];sets#0N);}

.tsg.withColumn:{[rows;column;letter] flip flip[rows],column!enlist .tsg.nullColumn[letter;count rows]}

/ As many more ids as given, of which nothing is known yet.
.tsg.addTagSets:{[series;added]
  letters:.tsg.fieldTypes series;
  fields:til count letters;
  .tsg.newest[series;`time],:added#0N;
  .tsg.appendNewest[series]'[.tsg.valueColumn each fields;.tsg.nullColumn[;added] each letters];
  .tsg.appendNewest[series;;added#0N] each .tsg.timeColumn each fields;}

.tsg.appendNewest:{[series;column;more] .tsg.newest[series;column],:more;}

/ While the series still has its number. The names stay, for a number is never used again.
.tsg.forgetMemory:{[series]
  .tsg.hotName[series] set ();
  .tsg.lateName[series] set ();
  .tsg.gone:(enlist series)_.tsg.gone;
  .tsg.newest:(enlist series)_.tsg.newest;}

.tsg.toFloat:{[longs]                                 / a cast would make infinities of the longs that q takes for such [ref/cast]
  floats:"f"$longs;
  ?[longs=0W;9.2233720368547758e18;?[longs=-0W;-9.2233720368547758e18;floats]]}

/ What the types of a part do not say. Its items are typed already (access.q).
.tsg.checkPart:{[part]
  .tsg.checkPartTypes part;
  series:part 0; tags:part 1; tagColumns:part 2; row:part 3; fields:part 5;
  .tsg.checkColumns[series;tags;fields];
  if[0=count fields;.tsg.badCall "a part has no field"];
  if[0=count row;.tsg.badCall "a part has no point"];
  if[count[row]<>count part 4;.tsg.badCall "time and row differ in length"];
  if[count[tags]<>count tagColumns;.tsg.badCall "keys and tags differ in length"];
  if[not all count[fields]=count each part 6 7 8;.tsg.badCall "types, validity and columns are not as many as fields"];
  sets:.tsg.setsOf part;
  if[not all sets=count each tagColumns;.tsg.badCall "keys differ in length"];
  if[not all row within (0;sets-1);.tsg.badCall "row points behind keys"];
  .tsg.checkTagValues[series]'[tags;tagColumns];
  .tsg.checkColumn[count row]'[part 6;part 7;part 8];}

.tsg.setsOf:{[part] $[count part 1;count first part 2;1]}

.tsg.checkTagValues:{[series;tag;tagValues]
  texts:string distinct tagValues;
  if[any .tsg.maxTagValueBytes<count each texts;
    .tsg.refuse (`InvalidValue;series;tag;"is longer than ",string[.tsg.maxTagValueBytes]," bytes")];
  if[not .tsg.isUtf8 " " sv texts;.tsg.refuse (`InvalidValue;series;tag;"is not valid Unicode")];}

.tsg.columnTypes:"fnjb"!9 9 7 1h
.tsg.checkColumn:{[rows;letter;validity;column]
  isText:letter="s";
  if[not letter in "fnjbs";.tsg.badCall "a type is not one of f n j b s"];
  if[isText;if[not (0h=type column)&2=count column;.tsg.badCall "a string column is not a list of 2"]];
  if[isText;if[not 6 10h~type each column;.tsg.badCall "a string column does not have lengths and bytes"]];
  if[not isText;if[not .tsg.columnTypes[letter]=type column;.tsg.badCall "a column does not have the type said"]];
  if[rows<>count $[isText;column 0;column];.tsg.badCall "a column does not have one value per point"];
  if[isText;if[any 0>column 0;.tsg.badCall "a string length is negative"]];
  if[isText;if[count[column 1]<>sum "j"$column 0;.tsg.badCall "string lengths do not add up to the bytes"]];
  if[not validity~(::);
    if[not 1h=type validity;.tsg.badCall "validity is not a boolean vector"];
    if[rows<>count validity;.tsg.badCall "validity does not have one entry per point"]];}

/ Checks a whole request and stages what it adds; gives what .tsg.applyPlan needs. Limited: it comes from a client, not from the journal.
.tsg.planBatch:{[parts;isLimited]
  .tsg.staged:.tsg.none;
  plan:.tsg.planPart[isLimited] each parts;
  if[isLimited;.tsg.checkTagSets plan];
  plan}

.tsg.planPart:{[isLimited;part]
  series:part 0; tags:part 1; time:part 4;
  rows:count time;
  given:where {[validity] $[validity~(::);1b;any validity]} each part 7;            / a field that no point gives does not come to be
  fields:part[5] given;
  types:part[6] given;
  .tsg.stage[series;tags;fields;?[types="n";"f";types];isLimited&.tsg.schema=`strict];
  wrong:where not time within (.tsg.leastTime;.tsg.mostTime);
  if[count wrong;.tsg.refuse (`TimeOutOfRange;.tsg.longText time first wrong)];
  have:.tsg.staged series;
  numbers:have[1]?fields;
  columns:.tsg.planColumn[series;rows]'[fields;have[2] numbers;types;part[7] given;part[8] given];
  sets:.tsg.setsOf part;
  tagColumns:{[tags;columns;sets;tag] $[tag in tags;columns tags?tag;sets#`]}[tags;part 2;sets] each have 0;
  `series`tagKeys`tagColumns`row`time`fields`columns!(series;.tsg.keysOf[have 0;tags;part 2;sets];tagColumns;part 3;time;numbers;columns)}

/ The values of one field as memory keeps them, null where they are not given.
.tsg.planColumn:{[series;rows;field;letter;given;validity;column]
  valid:$[validity~(::);rows#1b;validity];
  clash:{[series;field;letter;given] .tsg.refuse (`FieldTypeClash;series;field;.tsg.typeNames letter;.tsg.typeNames given)}[series;field;letter];
  bad:{[series;field;reason] .tsg.refuse (`InvalidValue;series;field;reason)}[series;field];
  if[not (letter,given) in ("ff";"fn";"fj";"jj";"jn";"bb";"ss");clash given];
  if[given in "fn";
    if[any valid&null column;bad "is NaN"];
    if[any valid&column in -0w 0w;bad "is infinite"]];
  if[given="j";if[any valid&null column;bad "is -2^63, which stands for null"]];
  $[letter="b";?[valid;"x"$column;0x02];
    letter="s";.tsg.planStrings[valid;column;bad];
    letter="f";?[valid;$[given="j";.tsg.toFloat column;column];0n];
    given="j";?[valid;column;0N];
    .tsg.wholeNumbers[valid;column;clash]]}

/ JSON does not tell 1 from 1.0. The difference is compared with 0, where q has no tolerance [basics/precision].
.tsg.wholeNumbers:{[valid;column;clash]
  longs:?[valid;"j"$column;0N];
  if[any valid&(not 0=column-"f"$longs)|0<abs[column]-9007199254740992f;clash "n"];
  longs}

.tsg.planStrings:{[valid;column;bad]
  starts:-1_0,sums "j"$column 0;
  heads:column[1] starts where column[0]>0;
  if[not .tsg.isUtf8 column 1;bad "is not valid UTF-8"];
  if[any ("j"$"x"$heads) within 128 191;bad "is not valid UTF-8"];                   / two texts that are one character
  if[any valid&.tsg.maxStringBytes<column 0;bad "is longer than ",string[.tsg.maxStringBytes]," bytes"];
  texts:starts cut column[1]," ";                     / one more byte: an index of cut has to be inside [ref/cut]
  texts:" ",/:@[texts;count[texts]-1;{[text] -1_text}];
  nothing:where not valid;
  @[texts;nothing;:;count[nothing]#enlist ""]}

.tsg.checkTagSets:{[plan]
  asked:exec raze tagKeys by series from flip `series`tagKeys!(plan@\:`series;plan@\:`tagKeys);
  fresh:{[series;tagKeys] count (distinct tagKeys) except $[series in key .tsg.numbers;.tsg.tagKeys series;0#`]}'[key asked;.tsg.valuesOf asked];
  if[.tsg.maxTagSets<.tsg.tagSetTotal[]+sum fresh;
    if[0<sum fresh;.tsg.refuse (`TooManyTagSets;first (key asked) where fresh>0;string .tsg.maxTagSets)]];}

/ Applies what was planned and cannot fail any more; gives how many rows were late.
.tsg.applyPlan:{[arrival;batchId;plan]
  .tsg.commit[];
  .tsg.noteBatch[batchId;arrival];
  sum .tsg.applyPart each plan}

.tsg.applyPart:{[planned]
  series:planned`series;
  time:planned`time;
  tagKeys:planned`tagKeys;
  tagColumns:planned`tagColumns;
  younger:count[.tsg.tagNames series]-count tagColumns;             / tags that a later part of the request brought
  tagColumns,:younger#enlist count[tagKeys]#`;
  ids:.tsg.intern[series;tagKeys;tagColumns] planned`row;
  known:.tsg.newest[series;`time] ids;
  isLate:.tsg.isLate[known;ids;time];
  letters:.tsg.fieldTypes series;
  columns:.tsg.nullColumn[;count time] each letters;
  columns[planned`fields]:planned`columns;
  rows:flip (`sequence`id`time,.tsg.valueColumn each til count letters)!(count[time]#.tsg.sequence;ids;time),columns;
  if[not all isLate;.tsg.hotName[series] upsert rows where not isLate];
  if[any isLate;.tsg.lateName[series] upsert rows where isLate];
  .tsg.noteNewest[series;ids;time];
  .tsg.noteField[series;ids;time]'[planned`fields;planned`columns];
  "j"$sum isLate}                                     / a sum of booleans is an int

/ Not newer than what is known, nor than an earlier point of the same request [ref/group], [ref/prev].
.tsg.isLate:{[known;ids;time]
  places:.tsg.valuesOf group ids;
  before:count[time]#0N;
  before[raze places]:raze {[times] prev maxs times} each time places;
  time<=known|before}

.tsg.noteNewest:{[series;ids;time]
  latest:max each time group ids;
  .tsg.newest[series;`time;key latest]:.tsg.newest[series;`time;key latest]|.tsg.valuesOf latest;}

/ Of each tag set the last given value by time; of equal times the one that came later: iasc is stable [ref/asc#iasc].
.tsg.noteField:{[series;ids;time;field;column]
  given:where .tsg.isGiven column;
  if[0=count given;:(::)];
  order:given iasc time given;
  places:order .tsg.valuesOf last each group ids order;
  fieldIds:ids places;
  timeName:.tsg.timeColumn field;
  newer:where not time[places]<.tsg.newest[series;timeName] fieldIds;
  if[0=count newer;:(::)];
  .tsg.newest[series;timeName;fieldIds newer]:time places newer;
  .tsg.newest[series;.tsg.valueColumn field;fieldIds newer]:column places newer;}

.tsg.lastGiven:{[column]
  given:where .tsg.isGiven column;
  $[count given;column last given;0h=type column;"";4h=type column;0x02;first 0#column]}

/ Late rows laid over stored ones, both as id, time, fields. Only points that have late rows are folded; most rows pass by [ref/find] rows of a table.
.tsg.resolve:{[stored;late]
  if[0=count late;:stored];
  points:distinct `id`time#late;
  isHit:count[points]>points?`id`time#stored;
  if[2=count cols stored;:distinct stored,late];      / no field is asked for
  both:(stored where isHit),late;
  fields:cols[stored] except `id`time;
  folded:0!?[both;();`id`time!`id`time;fields!{[field] (.tsg.lastGiven;field)} each fields];
  (stored where not isHit),cols[stored]#folded}
