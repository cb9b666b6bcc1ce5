/ As-of joins: for each point of one series the newest point of another that is not later and has the same values of some tags.

.tsg.asofKeys:`series`from`to`where`fields`by`other`otherWhere`otherFields`tolerance`order`limit`after

.tsg.asof:{[items]
  asked:.tsg.asofKeys!items;
  spec:(`series`from`to`where`fields`order`limit`after#asked),`by`bucket`select`cut!(0#`;::;();1b);
  .tsg.checkQuery spec;
  .tsg.checkAsof[spec`series;asked];
  fields:.tsg.fieldsNamed[spec`series;spec`fields];
  page:.tsg.rawPage[spec;fields];
  columns:.tsg.encodePoints[spec`series;.tsg.tagNames spec`series;fields;page 0];
  (columns,.tsg.matchColumns[spec`series;asked;page 0];count page 0;page 1)}

.tsg.checkAsof:{[series;asked]
  other:asked`other;
  .tsg.mustExist other;
  .tsg.checkDistinct[`by;asked`by];
  .tsg.checkDistinct[`fields;asked`otherFields];
  .tsg.fieldNumber[other] each asked`otherFields;
  .tsg.tagNumber[series] each asked`by;
  .tsg.tagNumber[other] each asked`by;
  .tsg.checkFilter[other;1;asked`otherWhere];
  if[(asked[`tolerance]<0)&not null asked`tolerance;.tsg.badCall "tolerance is negative"];}

/ What the points of a page get from the other series.
.tsg.matchColumns:{[series;asked;points]
  other:asked`other;
  fields:.tsg.fieldsNamed[other;asked`otherFields];
  found:.tsg.pointsAsOf[series;asked;fields;points];
  isMatch:not null found`place;
  places:found[`place] where isMatch;
  column:{[isMatch;places;letter;column]
    nothing:.tsg.nullColumn[letter;count isMatch];
    $[count places;@[nothing;where isMatch;:;column places];nothing]}[isMatch;places];
  prefix:{[other;name] `$string[other],".",string name}[other];
  columns:enlist (prefix `time;"j";column["j";found[`rows]`time]);
  letters:.tsg.fieldTypes[other] fields;
  columns,.tsg.encodeField'[prefix each .tsg.fieldNames[other] fields;letters;column'[letters;found[`rows] .tsg.valueColumn each fields]]}

/ (rows of the other series; per point the place of its match in them, or null). aj takes the last row that is not later [ref/aj].
.tsg.pointsAsOf:{[series;asked;fields;points]
  other:asked`other; tolerance:asked`tolerance; times:points`time;
  since:$[null[tolerance]|0=count times;.tsg.leastTime;.tsg.timeBefore[min times;tolerance]];
  until:$[count times;1+max times;.tsg.leastTime];
  rows:.tsg.queryRows[`series`where`from`to!(other;asked`otherWhere;since;until);fields];
  keysOfOther:.tsg.tagKeysBy[other;asked`by];
  known:distinct keysOfOther;
  cell:(known?keysOfOther) rows`id;
  sorted:`cell`time`id xasc ([]cell:cell;time:rows`time;id:rows`id;place:til count rows);
  matches:aj[`cell`time;([]cell:(known?.tsg.tagKeysBy[series;asked`by]) points`id;time:times);select cell,time,place from sorted];
  found:matches`place;
  age:times-rows[`time] found;
  isNear:$[null tolerance;count[times]#1b;(age>=0)&age<=tolerance];
  `rows`place!(rows;?[isNear;found;0N])}

.tsg.timeBefore:{[time;tolerance] $[time<.tsg.leastTime+tolerance;.tsg.leastTime;time-tolerance]}
