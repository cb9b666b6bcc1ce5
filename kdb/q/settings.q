/ What a process is started with. Loaded first.

.tsg.arguments:.Q.opt .z.x                            / [ref/dotq#opt] name -> list of texts
.tsg.argument:{[name;otherwise] $[name in key .tsg.arguments;raze .tsg.arguments name;otherwise]}
.tsg.configFile:hsym `$.tsg.argument[`config;"database.json"]
.tsg.role:`$.tsg.argument[`role;"writer"]
.tsg.listenPort:"J"$.tsg.argument[`listen;"0"]        / of a reader; 0: any that is free. A writer's stands in the configuration
.tsg.upTo:"J"$.tsg.argument[`upto;"-1"]               / of a merge: the last journal file, closed, that it brings into parts; of a search: the last it reads
.tsg.upToRecords:"J"$.tsg.argument[`records;"-1"]     / of that file; -1: all. A reader learns both from the writer

.tsg.searchName:`$.tsg.argument[`search;""]           / of a search

.tsg.limitOf:{[given;otherwise] $[null given;otherwise;"j"$given]}                  / JSON numbers are floats, null is 0n [ref/dotj]

.tsg.readConfig:{
  config:.j.k raze read0 .tsg.configFile;
  .tsg.host:config`host;                              / loopback or the private address: never left out, or q listens everywhere
  .tsg.port:"j"$config`port;
  .tsg.user:`$config`user;
  .tsg.password:config`password;
  .tsg.schema:`$config`schema;                        / flexible or strict
  .tsg.volumes:hsym `$config`volumes;                 / directories of this database, the home first
  .tsg.maxTagSets:.tsg.limitOf[config`maxTagSets;1000000];
  .tsg.maxSeries:.tsg.limitOf[config`maxSeries;0W];
  .tsg.ships:.tsg.role=`writer;
  if[.tsg.ships;.tsg.ships:1b~config`ships];           / absent: not
  .tsg.restoring:99h=type config`restore;              / null, or up to when its journal is applied
  .tsg.restoreUntil:$[.tsg.restoring;1000000*"j"$config[`restore]`untilMs;0N];
  .tsg.held:10h=type config`heldBy;                   / null, or who keeps it from taking writes
  .tsg.holder:$[.tsg.held;config`heldBy;""];             / said after each change
  }

.tsg.contractVersion:1
.tsg.dayNs:86400000000000
.tsg.leastTime:-8276687236854775806                   / 1707-09-22: the longs that are timestamps in q, shifted to 1970
.tsg.mostTime:9223372036854775806                     / 2262-04-11
.tsg.maxNameBytes:255
.tsg.maxTagValueBytes:1024
.tsg.maxStringBytes:65536
.tsg.maxFields:1024                                   / of a series
.tsg.maxTags:64
.tsg.maxFilterDepth:16
.tsg.maxReplyBytes:4194304                            / of a page of raw points
.tsg.maxPageColumns:20000                             / tags and fields of a page of series
.tsg.checkpointRows:5000000                           / rows in memory from which on they go into parts
.tsg.checkpointBytes:1073741824                       / bytes of a journal file, the same
.tsg.inlineRows:200000                                / a merge of no more is done at once: starting a process takes longer
.tsg.partRows:3000                                    / what a part costs beside its rows, in rows: it is made, synced and measured
.tsg.inlineSearchRows:1000000                         / a deletion or retention that reads no more is done at once
.tsg.deletePoints:500000                              / what one record deletes, but for a tag set that has more
.tsg.mergePatienceNs:60000000000                      / a merge that has not ended by then is started again: flock lets it pass while it runs
.tsg.namedBatchNs:14*.tsg.dayNs                       / how long batch ids made from an Idempotency-Key are kept
.tsg.otherBatchNs:900000000000                        / the others name one request and its retries: 15 minutes
.tsg.shipAfterNs:50000000000                          / a journal file with records is closed after that, so that it is away within a minute
.tsg.checkpointFiles:100                              / of the journal
.tsg.fullShare:0.8                                    / of -w: with more in use writes are refused until a merge has made room
.tsg.maxQueuedBytes:268435456                         / for a reader that does not take its messages
.tsg.compression:17 2 6                               / of columns: blocks of 128 KB, gzip [kb/file-compression]
.tsg.timerMs:200
.tsg.positionMs:1000                                  / how often a reader says how far it is
.tsg.lookNs:1000000000                                / between two looks whether a process is still there

.tsg.readConfig[]
