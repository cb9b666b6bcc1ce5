/ Who may ask for what. Messages are lists of a name from the table and typed values; no text is ever evaluated, and every other way in is shut
/ [kb/firewalling]. Symbols are interned when a message is decoded, before anything here can refuse it: the tag-set limit bounds what a client of ours adds.

.tsg.calls:`.tsg.hello`.tsg.define`.tsg.drop`.tsg.describe`.tsg.insert`.tsg.inserts`.tsg.query`.tsg.explain`.tsg.latest`.tsg.asof`.tsg.tags`.tsg.series`.tsg.stats`.tsg.delete`.tsg.retain`.tsg.compact`.tsg.checkpoint`.tsg.backup`.tsg.tail
.tsg.answers:.tsg.calls!(.tsg.hello;.tsg.define;.tsg.drop;.tsg.describe;.tsg.insert;.tsg.inserts;.tsg.query;.tsg.explain;.tsg.latest;.tsg.asof;.tsg.tags;.tsg.series;.tsg.stats;.tsg.delete;.tsg.retain;.tsg.compact;.tsg.checkpoint;.tsg.backup;.tsg.tail)

/ What a reader answers: anything else is the writer's.
.tsg.readerCalls:`.tsg.hello`.tsg.query`.tsg.explain`.tsg.latest`.tsg.asof`.tsg.tags`.tsg.series

/ What processes of one database ask of each other, on one host; no calls of the contract (ownCalls of contract.ts).
.tsg.ownCalls:`.tsg.follow`.tsg.heard
.tsg.isOwnHost:{.z.a=.Q.addr `$.tsg.host}             / [ref/dotz#za], [ref/dotq#addr]

/ ---- types of arguments [basics/datatypes]: negative for atoms, 101 for :: ----

.tsg.areOf:{[types;items] types~type each items}
.tsg.isNothing:{[arguments] arguments~enlist (::)}
.tsg.isSymbol:.tsg.areOf[enlist -11h]
.tsg.isDictionary:.tsg.areOf[enlist 99h]

/ One argument, a list with items of the types given; 0N: any, it is checked later.
.tsg.isList:{[types;arguments]
  if[1<>count arguments;:0b];
  items:first arguments;
  if[not (type items) in 0 7 11h;:0b];
  if[count[types]<>count items;:0b];
  all (null types)|types=type each items}

/ One argument as given, and perhaps a position.
.tsg.isRead:{[isArgument;arguments]
  if[not count[arguments] within 1 2;:0b];
  if[2=count arguments;if[not .tsg.isPosition last arguments;:0b]];
  isArgument 1#arguments}

.tsg.isPosition:{[position] $[(type position) in 0 7h;(2=count position)&all -7h=type each position;0b]}

.tsg.argumentTypes:.tsg.calls!(
  .tsg.isNothing;
  .tsg.isList[-11 11 11 10h];
  .tsg.areOf[-11 -7h];
  .tsg.isSymbol;
  .tsg.areOf[-2 0h];
  .tsg.areOf[enlist 0h];
  .tsg.isDictionary;
  .tsg.isDictionary;
  .tsg.isRead[.tsg.isList[-11 0N 11h]];
  .tsg.isRead[.tsg.isList[-11 -7 -7 0N 11 11 -11 0N 11 -7 -11 -7 0Nh]];
  .tsg.isRead[.tsg.isSymbol];
  .tsg.isRead[.tsg.isList[-11 -7h]];
  .tsg.isNothing;
  .tsg.isList[-11 -7 -7 0N -1h];
  .tsg.areOf[enlist -7h];
  .tsg.isNothing;
  .tsg.isNothing;
  .tsg.isSymbol;
  .tsg.isList[-11 -7 -7 -7h])

/ (series; tags; keys; row; time; fields; types; validity; columns)
.tsg.checkPartTypes:{[part]
  if[not (0h=type part)&9=count part;.tsg.badCall "part is not a list of 9"];
  if[not -11 11 6 7 11 10h~type each part 0 1 3 4 5 6;.tsg.badCall "an item of a part does not have its type"];
  if[not all 0h=type each part 2 7 8;.tsg.badCall "keys, validity or columns is not a list"];
  if[not all 11h=type each part 2;.tsg.badCall "a column of keys is not a symbol vector"];}

.tsg.queryKeys:`series`from`to`where`by`bucket`select`fields`order`limit`cut`after
.tsg.queryTypes:`series`from`to`by`fields`order`limit`cut!-11 -7 -7 11 11 -11 -7 -1h

/ `position, (generation; offset), may stand there too: what the answer must have seen.
.tsg.checkQuery:{[query]
  names:key query;
  if[not 11h=type names;.tsg.badCall "the query is not a dictionary by names"];
  if[not (asc names except `position)~asc .tsg.queryKeys;.tsg.badCall "the query does not have its ",string[count .tsg.queryKeys]," keys"];
  wrong:where not .tsg.queryTypes=type each (key .tsg.queryTypes)#query;             / [ref/where] of a dictionary: its keys
  if[count wrong;.tsg.badCall string[first wrong]," does not have its type"];
  if[not query[`order] in `asc`desc;.tsg.badCall "order is not asc or desc"];
  if[query[`limit]<0;.tsg.badCall "limit is negative"];
  .tsg.checkBucket query`bucket;
  .tsg.checkCursor[`after;query`after];
  if[`position in names;if[not .tsg.isPosition query`position;.tsg.badCall "position is not two longs"]];
  .tsg.checkDistinct[`by;query`by];
  .tsg.checkDistinct[`fields;query`fields];
  asked:query`select;
  if[not 0h=type asked;.tsg.badCall "select is not a list"];
  .tsg.checkAggregateTypes each asked;
  .tsg.checkDistinct[`$"result names";asked[;2]];
  series:query`series;
  .tsg.mustExist series;
  .tsg.fieldNumber[series] each query`fields;
  .tsg.tagNumber[series] each query`by;
  .tsg.checkFilter[series;1;query`where];
  .tsg.checkAggregate[series] each asked;}

.tsg.checkDistinct:{[what;names] if[count[names]<>count distinct names;.tsg.badCall string[what]," has a name twice"];}
.tsg.checkCursor:{[what;cursor]
  if[cursor~(::);:(::)];
  if[not (2=count cursor)&all -7h=type each cursor;.tsg.badCall string[what]," is not two longs"];}

.tsg.checkBucket:{[bucket]
  if[bucket~(::);:(::)];
  if[not 0h=type bucket;.tsg.badCall "bucket is not a list"];
  kind:first bucket;
  if[kind~`width;
    if[not -11 -7 -7h~type each bucket;.tsg.badCall "bucket does not have a width and an origin"];
    if[0>=bucket 1;.tsg.badCall "width is not more than 0"];
    :(::)];
  if[not kind~`edges;.tsg.badCall "kind of bucket is not width or edges"];
  if[not -11 7h~type each bucket;.tsg.badCall "edges is not a long vector"];
  if[2>count bucket 1;.tsg.badCall "edges are fewer than 2"];
  if[not all (1_bucket 1)>-1_bucket 1;.tsg.badCall "edges do not ascend"];}

/ ---- handlers ----

.tsg.errorCodes:`SeriesNotFound`FieldNotFound`TagNotFound`SeriesNotDefined`FieldNotDefined`TagNotDefined`FieldTypeClash`TagFieldClash`InvalidName`InvalidValue`TimeOutOfRange`TooManyTagSets`TooManySeries`TooManyFields`AggregationNotSupported`FilterNotSupported`LongOverflow`ResultTooLarge`CatalogueChanged`CursorGone`StorageFull`EngineBusy`DatabaseHeld`ReaderBehind`DeadlineExceeded`Cancelled`StorageFailed`StorageDamaged`BadCall`InternalError

/ q's own errors as codes: stop is what -T raises, wsfull what -w or the machine does [basics/errors]. An error between a record and the memory that it
/ changes leaves a half: the process ends, and the replay at the next start has the whole.
.tsg.wireError:{[text]
  if[.tsg.isApplying;.tsg.log "a write was cut short: ",text;exit 1];
  $[(`$first "\t" vs text) in .tsg.errorCodes;text;
    text~"stop";"DeadlineExceeded";
    text~"wsfull";"EngineBusy";
    "InternalError\t",text]}

.tsg.dispatch:{[message]
  if[not (type message) in 0 11h;.tsg.badCall "only the calls of the contract are answered"];
  name:first message;
  arguments:1_message;
  if[not -11h=type name;.tsg.badCall "only the calls of the contract are answered"];
  if[name in key .tsg.ownAnswers;if[.tsg.isOwnHost[]&.tsg.isNothing arguments;:.tsg.ownAnswers[name] .z.w]];
  if[not name in .tsg.calls;.tsg.badCall "only the calls of the contract are answered"];
  if[not .tsg.argumentTypes[name] arguments;.tsg.badCall string[name],": arguments do not have their types"];
  if[.tsg.role=`reader;.tsg.checkRead[name;arguments]];
  answer:.tsg.answers name;                           / not applied to arguments with a dot: a list of one dictionary is a table
  hasOne:(1=count arguments)|name in `.tsg.latest`.tsg.asof`.tsg.tags`.tsg.series;           / a position behind it is for the reader
  $[hasOne;answer message 1;answer[message 1;message 2]]}

/ q hears nothing of the writer while it answers, so a reader does not wait: the client asks again for 200 ms, and then the writer.
.tsg.checkRead:{[name;arguments]
  if[not name in .tsg.readerCalls;.tsg.badCall "a reader answers reads only"];
  if[not .tsg.hasSeen .tsg.positionOf arguments;.tsg.refuse enlist `ReaderBehind];}

/ What the answer must have seen: a key of a query, the second argument of other reads, or nothing.
.tsg.positionOf:{[arguments]
  if[2=count arguments;:last arguments];
  if[not 99h=type first arguments;:(::)];
  query:first arguments;
  if[not 11h=type key query;:(::)];
  if[not `position in key query;:(::)];
  query`position}

.tsg.hearReader:{[message]
  if[not 0h=type message;.tsg.badCall "a reader says one thing only"];
  if[not -11 -7h~type each message;.tsg.badCall "a reader says one thing only"];
  if[not `.tsg.heard~first message;.tsg.badCall "a reader says one thing only"];
  .tsg.heard last message;}

.tsg.fail:{[text;trace]
  reason:.tsg.wireError text;
  if[reason like "InternalError*";.tsg.log text,"\n",.Q.sbt trace];
  'reason}

.tsg.lock:{
  .z.pw:{[user;password] (user=.tsg.user)&((),password)~(),.tsg.password};
  .z.pg:{[message] .Q.trp[.tsg.dispatch;message;.tsg.fail]};                        / [ref/dotq#trp] keeps the backtrace for the log
  .z.ps:{[message]
    $[(.tsg.role=`reader)&.z.w=.tsg.writerHandle;.tsg.hear message;
      .z.w in key .tsg.followers;.tsg.hearReader message;
      '"BadCall\tnothing is answered unasked"]};
  .z.pc:.tsg.closed;
  .z.ac:{[request] (0;"")};                           / HTTP: not authorised [ref/dotz#zac]
  .z.ph:{[request] "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"};
  .z.pp:.z.ph;
  .z.pm:.z.ph;
  .z.ws:{[message] '"BadCall\tno websocket"};
  .z.wo:{[handle] hclose handle};
  .z.pq:{[text] '"BadCall\tno text"};
  .z.pi:{[text]};                                     / nor from a console
  .z.bm:{[message] .tsg.log "bad message on handle ",string first message};
  .z.exit:{[code] .tsg.log "exit ",string code};}
