/ Deletions and retentions that have much to read are found by a process of their own (-role search), from the manifest and the journal as far as it is when
/ the search begins. They are about what was there then: rows of later records stay, over what is deleted. This process applies what was found, from its
/ timer, a piece at a tick, and answers [basics/internal#-30x].
/ One at a time, and not beside a merge: what the search reads stays there, and all later rows are in memory.

.tsg.queue:()                                         / (handle; call; argument) of those that wait, in the order in which they came
.tsg.current:()                                       / the one under way: handle, call, asked, name, number of its series, seen: the last record that it knows
.tsg.found:()                                         / what its process has found
.tsg.pieces:()                                        / places of the points that are still to be deleted
.tsg.atOnce:`.tsg.delete`.tsg.retain!(.tsg.deleteAtOnce;.tsg.retainAtOnce)

.tsg.isSearching:{0<count .tsg.current}

/ In the call where that is short and nothing stands before it.
.tsg.change:{[call;asked]
  isFirst:(0=count .tsg.current)&0=count .tsg.queue;
  answer:$[isFirst;.tsg.atOnce[call] asked;(::)];
  if[not answer~(::);:answer];
  .tsg.queue,:enlist (.z.w;call;asked);
  -30!(::)}

/ From the timer.
.tsg.watchSearch:{
  if[.tsg.isSearching[];:$[count .tsg.pieces;.tsg.attempt .tsg.deletePiece;.tsg.awaitFound[]]];
  if[(0=count .tsg.queue)|.tsg.merging>=0;:(::)];
  turn:first .tsg.queue;
  .tsg.queue:1_.tsg.queue;
  number:$[`.tsg.delete~turn 1;.tsg.numbers first turn 2;0N];
  .tsg.current:`handle`call`asked`name`number`seen!(turn 0;turn 1;turn 2;`$"search-",string .tsg.now[];number;.tsg.sequence);
  .tsg.attempt .tsg.beginSearch;}

/ What fails answers its client, and takes nothing else of the timer along.
.tsg.attempt:{[step]
  failure:@[{[step] step[];""};step;{[reason] .tsg.wireError $[reason like "*No space left*";"StorageFull";reason]}];
  if[count failure;.tsg.endSearch (1b;failure)];}

/ What waited may be short.
.tsg.beginSearch:{
  answer:.tsg.atOnce[.tsg.current`call] .tsg.current`asked;
  if[not answer~(::);:.tsg.endSearch (0b;answer)];
  name:.tsg.current`name;
  .tsg.searchPath[name;".asked"] set `call`asked#.tsg.current;
  options:"-role search -search ",string[name]," -upto ",string[.tsg.generation]," -records ",string .tsg.records;
  .tsg.startRole[name;options];
  .tsg.nextSearchLook:.tsg.now[]+.tsg.lookNs;}

.tsg.nextSearchLook:0                                 / ns since 1970
.tsg.searchPath:{[name;end] .tsg.manifestPath `$string[name],end}

.tsg.awaitFound:{
  name:.tsg.current`name;
  if[.tsg.isThere .tsg.searchPath[name;".found"];:.tsg.attempt .tsg.takeFound];
  if[.tsg.now[]<.tsg.nextSearchLook;:(::)];
  .tsg.nextSearchLook:.tsg.now[]+.tsg.lookNs;
  if[.tsg.isLocked .tsg.searchPath[name;".lock"];:(::)];
  .tsg.attempt $[.tsg.isThere .tsg.searchPath[name;".found"];.tsg.takeFound;.tsg.searchFailed];}

.tsg.searchFailed:{
  lines:@[read0;.tsg.searchPath[.tsg.current`name;".log"];()];
  reason:$[count lines;last lines;"its process was killed"];
  .tsg.log "search: ",reason;
  .tsg.refuse $[reason like "*No space left*";enlist `StorageFull;reason like "*wsfull*";enlist `EngineBusy;(`StorageFailed;"search: ",reason)]}

.tsg.takeFound:{
  .tsg.found:.tsg.readFile .tsg.searchPath[.tsg.current`name;".found"];
  total:.tsg.found`total;
  isDry:$[`.tsg.delete~.tsg.current`call;last .tsg.current`asked;0b];
  if[isDry|total=0;:.tsg.endSearch (0b;total)];
  if[`.tsg.delete~.tsg.current`call;.tsg.pieces:.tsg.piecesOf .tsg.found`points;:(::)];
  .tsg.refuseHeld[];
  .tsg.enter[`.tsg.applyRetain;(.tsg.current`asked) div .tsg.dayNs];
  .tsg.endSearch (0b;total);}

/ Points by id: all of a tag set are in one piece, so that what is newest of it is right after each.
.tsg.piecesOf:{[points]
  starts:where differ points`id;
  cuts:starts where differ starts div .tsg.deletePoints;
  cuts cut til count points}

.tsg.deletePiece:{
  series:first .tsg.current`asked;
  .tsg.refuseHeld[];
  if[not .tsg.current[`number]~.tsg.numbers series;.tsg.refuse (`SeriesNotFound;series)];
  points:.tsg.found[`points] first .tsg.pieces;
  .tsg.pieces:1_.tsg.pieces;
  mine:where .tsg.found[`ids] in points`id;
  ids:.tsg.found[`ids] mine;
  newest:key[.tsg.found`newest]!.tsg.valuesOf[.tsg.found`newest]@\:mine;
  seen:.tsg.current`seen;
  later:.tsg.newestOf[series;.tsg.rowsAfter[series;ids;seen];ids];
  .tsg.enter[`.tsg.applyDelete;(series;points;(ids;.tsg.overlay[newest;key[newest]#later]);seen)];        / fields that came since have nothing older
  if[0=count .tsg.pieces;.tsg.endSearch (0b;.tsg.found`total)];}

/ Rows of later records than a search has seen, in their order.
.tsg.rowsAfter:{[series;ids;seen]
  rows:raze .tsg.since[seen] each (.tsg.hot series;.tsg.late series);
  rows:rows where rows[`id] in ids;
  rows iasc rows`sequence}

.tsg.endSearch:{[answer]
  ended:.tsg.current;
  .tsg.forgetSearch[];
  if[ended[`handle] in key .z.W;@[{[reply] -30!reply};(ended`handle),answer;{[reason] .tsg.log "search: ",reason}]];
  if[count .tsg.waitingNext;.tsg.answerWaiting[]];}

/ A process that is still there sees that it is not asked any more.
.tsg.forgetSearch:{
  @[.tsg.shell;"rm -f ",.tsg.quoted[.tsg.manifestPath .tsg.current`name],".*";{[reason] .tsg.log "search: ",reason}];
  .tsg.current:();
  .tsg.found:();
  .tsg.pieces:();}

/ Of a client that is gone nothing more is deleted; what was, was.
.tsg.leaveSearches:{[handle]
  if[count .tsg.queue;.tsg.queue:.tsg.queue where not handle=first each .tsg.queue];
  if[not .tsg.isSearching[];:(::)];
  if[handle=.tsg.current`handle;
    .tsg.forgetSearch[];
    if[count .tsg.waitingNext;.tsg.answerWaiting[]]];}

/ ---- the process ----

.tsg.runSearch:{
  asked:.tsg.readFile .tsg.searchPath[.tsg.searchName;".asked"];
  .tsg.openStore[];
  found:$[`.tsg.delete~asked`call;.tsg.findPoints asked`asked;.tsg.findOld asked`asked];
  .tsg.mustBeAsked[];
  target:.tsg.searchPath[.tsg.searchName;".found"];
  temporary:.tsg.searchPath[.tsg.searchName;".new"];
  temporary set found;
  .tsg.shell "mv -T ",.tsg.quoted[temporary]," ",.tsg.quoted target;
  exit 0;}

.tsg.mustBeAsked:{if[not .tsg.isThere .tsg.searchPath[.tsg.searchName;".asked"];exit 0];}

/ A day after another: all of the series at once may be more than memory.
.tsg.findPoints:{[asked]
  series:asked 0; start:asked 1; stop:asked 2; filter:asked 3;
  days:.tsg.daysOf[series;first .tsg.selected[series;filter];start;stop];
  points:raze enlist[([]id:0#0i;time:0#0)],.tsg.findDay[series;start;stop;filter] each days;
  if[asked 4;:(enlist`total)!enlist count points];
  points:`id`time xasc points;
  ids:.tsg.losing[series;points];
  `total`points`ids`newest!(count points;points;ids;.tsg.newestWithout[series;points;ids;0W])}

.tsg.findDay:{[series;start;stop;filter;day]
  .tsg.mustBeAsked[];
  begin:.tsg.dayNs*day;
  .tsg.matching[series;start|begin;stop&.tsg.endOfDay begin;filter]}

.tsg.findOld:{[before]
  firstDay:before div .tsg.dayNs;
  (enlist`total)!enlist sum 0,.tsg.countOld[firstDay] each key .tsg.numbers}
