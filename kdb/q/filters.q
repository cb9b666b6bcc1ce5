/ Filters: trees of lists whose heads are symbols of a closed list. They go to the ids first, and to fields after late rows are laid over.

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
