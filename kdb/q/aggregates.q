/ Aggregates: what becomes of the rows of a cell (group and bucket). Nulls are passed over; of nothing given the result is null.

/ Of one column, which is that of the field given by name.
.tsg.aggregators:`count`sum`avg`min`max`first`last`spread`variance`stddev`median`distinct!(
  {[field;column] sum "j"$.tsg.isGiven column};
  {[field;column] $[7h=type column;.tsg.sumLongs[field;column];any not null column;sum column;0n]};
  {[field;column] avg $[7h=type column;.tsg.toFloat column;column]};
  {[field;column] .tsg.ofGiven[min;column]};
  {[field;column] .tsg.ofGiven[max;column]};
  {[field;column] .tsg.ofGiven[first;column]};
  {[field;column] .tsg.lastGiven column};
  {[field;column] .tsg.spread[field;column]};
  {[field;column] .tsg.variance .tsg.givenFloats column};
  {[field;column] sqrt .tsg.variance .tsg.givenFloats column};
  {[field;column] .tsg.percentile[50f;column]};
  {[field;column] .tsg.distinctGiven column})

/ Of what happens between the points of each tag set, from id, time and a column in the order of time. Nothing is extrapolated to the edges of a bucket.
.tsg.changes:`increase`delta`rate`derivative`integral`twa!(
  {[id;time;steps] .tsg.sumGiven steps};                / what withSteps adds: also the step from a bucket before
  {[id;time;column] .tsg.perTagSet[.tsg.deltaOf;id;time;column]};
  {[id;time;column] .tsg.perTagSet[{[time;column] .tsg.deltaOf[time;column]%.tsg.elapsed[time;column]};id;time;column]};
  {[id;time;column] .tsg.perTagSet[{[time;column] .tsg.riseOf[column]%.tsg.elapsed[time;column]};id;time;column]};
  {[id;time;column] .tsg.perTagSet[.tsg.areaOf;id;time;column]};
  {[id;time;column] .tsg.timeWeighted[id;time;column]})

/ All of them, and what they give: j, f, or the type of the field.
.tsg.aggregateGives:(`count`distinct!"jj"),(`sum`min`max`first`last`spread!6#" "),(`avg`variance`stddev`median`percentile`wavg,key .tsg.changes)!12#"f"

/ Those that need rows in the order of time.
.tsg.ofOrdered:`first`last,key .tsg.changes

/ Those that do of text and booleans too.
.tsg.ofAnyType:`count`first`last`distinct

/ q's own min and max of nothing but nulls are infinities, and first and last do not pass nulls over [ref/min], [ref/first].
.tsg.ofGiven:{[function;column]
  given:where .tsg.isGiven column;
  $[count given;function column given;.tsg.lastGiven 0#column]}

/ Longs wrap silently: upper and lower halves are summed apart, exact for 2^31 rows, and joined when the sum fits. -2^63 would read as null: it does not.
.tsg.sumLongs:{[field;column]
  given:column where not null column;
  if[0=count given;:0N];
  highs:given div 4294967296;
  low:sum given mod 4294967296;
  high:sum[highs]+low div 4294967296;
  rest:low mod 4294967296;
  if[(not high within -2147483648 2147483647)|(high=-2147483648)&rest=0;.tsg.refuse (`LongOverflow;field)];
  $[high<0;(4294967296*high+1)+rest-4294967296;(4294967296*high)+rest]}             / 4294967296*-2147483648 would be null

.tsg.floatsOf:{[column] $[7h=type column;.tsg.toFloat column;column]}
.tsg.givenFloats:{[column] .tsg.floatsOf column where not null column}
.tsg.finite:{[number] $[number in -0w 0w;0n;number]}

.tsg.spread:{[field;column]
  if[all null column;:.tsg.lastGiven 0#column];
  given:column where not null column;
  spread:max[given]-min given;
  if[7h=type column;if[(spread<0)|null spread;.tsg.refuse (`LongOverflow;field)];:spread];
  .tsg.finite spread}

/ Of a sample. Distances from the mean are squared, not the values: those lose what the difference of two large squares does.
.tsg.variance:{[floats]
  if[2>count floats;:0n];
  distances:floats-avg floats;
  .tsg.finite sum[distances*distances]%count[floats]-1}

/ Linear between the values around a place in their order.
.tsg.percentile:{[percent;column]
  sorted:asc 0f+.tsg.givenFloats column;              / -0 becomes 0
  if[0=count sorted;:0n];
  place:(percent*count[sorted]-1)%100;
  below:floor place;
  around:sorted (below;(below+1)&count[sorted]-1);
  .tsg.finite around[0]+(place-below)*around[1]-around 0}

/ 0 and -0 are one value, and one item of distinct has no tolerance [ref/distinct].
.tsg.distinctGiven:{[column]
  given:column where .tsg.isGiven column;
  count distinct $[9h=type given;given+0f;given]}

.tsg.weighted:{[column;weights]
  given:where not null[column]|null weights;
  heavy:.tsg.floatsOf weights given;
  .tsg.finite sum[heavy*.tsg.floatsOf column given]%sum heavy}

.tsg.sumGiven:{[floats] $[all null floats;0n;.tsg.finite sum floats]}

/ Of each tag set, summed: null where none has two points.
.tsg.perTagSet:{[function;id;time;column]
  given:where not null column;
  if[0=count given;:0n];
  places:.tsg.valuesOf group id given;
  places:places where 1<count each places;
  if[0=count places;:0n];
  .tsg.sumGiven function'[time[given] places;column[given] places]}

/ Differences of numbers as floats: of longs exact, unless they pass 2^63.
.tsg.differences:{[later;earlier]
  difference:later-earlier;
  if[not 7h=type difference;:difference];
  wrapped:null[difference]|not (later<earlier)=difference<0;
  ?[wrapped;.tsg.toFloat[later]-.tsg.toFloat earlier;.tsg.toFloat difference]}

/ A counter that is lower than it was began at 0 again.
.tsg.steps:{[later;earlier]
  differences:.tsg.differences[later;earlier];
  ?[differences<0;.tsg.floatsOf later;differences]}

.tsg.deltaOf:{[time;column] sum .tsg.steps[1_column;-1_column]}
.tsg.riseOf:{[column] first .tsg.differences[-1#column;1#column]}
.tsg.elapsed:{[time;column] (first .tsg.differences[-1#time;1#time])%1e9}
.tsg.areaOf:{[time;column]
  floats:.tsg.floatsOf column;
  sum 0.5*((1_floats)+-1_floats)*.tsg.differences[1_time;-1_time]%1e9}

.tsg.timeWeighted:{[id;time;column]
  seconds:.tsg.perTagSet[.tsg.elapsed;id;time;column];
  $[null seconds;avg .tsg.givenFloats column;.tsg.finite .tsg.perTagSet[.tsg.areaOf;id;time;column]%seconds]}

/ A column of steps from the point of the same tag set before, whichever bucket that is in; rows are in the order of time.
.tsg.withSteps:{[rows;column]
  given:where not null rows column;
  steps:count[rows]#0n;
  if[count given;steps[given]:.tsg.stepsById[rows[`id] given;rows[column] given]];
  flip flip[rows],(enlist .tsg.stepColumn column)!enlist steps}

.tsg.stepsById:{[id;column]
  places:.tsg.valuesOf group id;
  steps:count[id]#0n;
  steps[raze places]:raze {[values] 0n,.tsg.steps[1_values;-1_values]} each column places;
  steps}

.tsg.stepColumn:{[column] `$"step",string column}
.tsg.steppedColumns:{[series;asked]
  fields:asked[;1] where `increase=first each asked;
  .tsg.valueColumn each distinct .tsg.fieldNumber[series] each fields}

/ The parse tree of an aggregate over columns of rows.
.tsg.aggregateTree:{[series;aggregate]
  column:.tsg.valueColumn .tsg.fieldNumber[series;aggregate 1];
  operator:first aggregate;
  $[`percentile=operator;(.tsg.percentile aggregate 3;column);
    `wavg=operator;(.tsg.weighted;column;.tsg.valueColumn .tsg.fieldNumber[series;aggregate 3]);
    operator in key .tsg.changes;(.tsg.changes operator;`id;`time;$[`increase=operator;.tsg.stepColumn column;column]);
    (.tsg.aggregators[operator] aggregate 1;column)]}

/ Names of the fields that an aggregate reads.
.tsg.aggregateFields:{[aggregate] $[`wavg=first aggregate;aggregate 1 3;enlist aggregate 1]}

/ Numbers of those that all read.
.tsg.selectFields:{[series;asked] distinct .tsg.fieldNumber[series] each raze .tsg.aggregateFields each asked}

.tsg.checkAggregateTypes:{[aggregate]
  if[not (type aggregate) in 0 11h;.tsg.badCall "aggregate is not a list"];
  if[not -11 -11 -11h~type each 3#aggregate;.tsg.badCall "aggregate does not begin with three symbols"];
  operator:first aggregate;
  if[not operator in key .tsg.aggregateGives;.tsg.badCall "operator is not one of "," " sv string key .tsg.aggregateGives];
  isWhole:$[operator=`wavg;(4=count aggregate)&-11h=type last aggregate;operator=`percentile;.tsg.isPercent 3_aggregate;3=count aggregate];
  if[not isWhole;.tsg.badCall "aggregate ",string[operator]," does not have its operands"];}

.tsg.isPercent:{[operands] $[-9h~type first operands;(1=count operands)&(first operands) within 0 100;0b]}

.tsg.checkAggregate:{[series;aggregate] .tsg.checkAggregateField[series;first aggregate] each .tsg.aggregateFields aggregate;}

.tsg.checkAggregateField:{[series;operator;field]
  letter:.tsg.fieldTypes[series] .tsg.fieldNumber[series;field];
  if[not (letter in "fj")|operator in .tsg.ofAnyType;
    .tsg.refuse (`AggregationNotSupported;operator;field;.tsg.typeNames letter)];}
