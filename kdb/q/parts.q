/ Parts: one splayed directory per series, UTC day and slice (id of the tag set mod slices), sorted by id and time, id with `p#. A part never changes;
/ a merge writes others and the manifest, replaced by rename, says which ones are alive. Tags are not in parts, so there is no sym file.

.tsg.parts:([]number:0#0;day:0#0;slice:0#0;serial:0#0;volume:0#0;rows:0#0;oldest:0#0;latest:0#0;bytes:0#0)
.tsg.named:.tsg.parts                                 / those that the manifest on the disk names
.tsg.slices:0                                         / as many as there were volumes at creation
.tsg.nextSerial:0
.tsg.mergedGeneration:0                               / the first journal file that parts do not cover
.tsg.mergedSequence:0                                 / the last record that they cover
.tsg.cuts:([]sequence:0#0;day:0#0)                    / retentions since: parts of older days are gone

.tsg.readFile:{[path] get path}                       / [ref/get] of a path of ours: maps it
.tsg.joinPath:{[directory;name] ` sv directory,name}
.tsg.partPath:{[part] .tsg.joinPath[.tsg.volumes part`volume;`$"part-",string part`serial]}

/ As stored: -21! gives figures of a compressed file and an empty dictionary of any other [basics/internal#-21x]
.tsg.fileBytes:{[path] stored:-21!path;$[count stored;stored`compressedLength;hcount path]}

/ Slices go to the volumes in rotation, one further each day, so that also one day is read from every volume.
.tsg.volumeOf:{[day;slice] (day+slice) mod count .tsg.volumes}

/ The parts that have rows of the series, the ids (`every: all of them) and the range [from, to).
.tsg.partsOf:{[series;ids;start;stop]
  wanted:.tsg.numbers series;
  days:(start;stop-1) div .tsg.dayNs;                    / div floors, also before 1970 [ref/div]
  slices:$[ids~`every;til .tsg.slices;distinct ("j"$ids) mod .tsg.slices];
  select from .tsg.parts where number=wanted,day within days,slice in slices,oldest<stop,latest>=start}

/ On the id first: it has the attribute.
.tsg.rowsWithin:{[ids;start;stop] $[ids~`every;();enlist (in;`id;ids)],((>=;`time;start);(<;`time;stop))}

/ Rows of a part: id, time and the fields given (column name -> letter). A field that is younger than the part is null in it.
.tsg.readPart:{[letters;ids;start;stop;part]
  path:.tsg.partPath part;
  stored:.tsg.readFile .tsg.joinPath[path;`.d];
  present:(key letters) inter stored;
  columns:`id`time,present;
  mapped:flip columns!.tsg.readFile each .tsg.joinPath[path] each columns;
  rows:?[mapped;.tsg.rowsWithin[ids;start;stop];0b;columns!columns];
  missing:(key letters) except stored;
  if[count missing;rows:flip flip[rows],missing!.tsg.nullColumn[;count rows] each letters missing];
  (`id`time,key letters)#rows}

.tsg.lettersOf:{[series;fields] ((0#`),.tsg.valueColumn each fields)!.tsg.fieldTypes[series] fields}

/ Points of a series as they are now: id, time and the fields given by number, in no order.
.tsg.rowsOf:{[series;fields;ids;start;stop]
  letters:.tsg.lettersOf[series;fields];
  stored:.tsg.storedRows[series;letters;ids;start;stop];
  columns:`id`time,key letters;
  inMemory:{[conditions;columns;rows] ?[rows;conditions;0b;columns!columns]}[.tsg.rowsWithin[ids;start;stop];columns];
  .tsg.resolve[stored,inMemory .tsg.hot series;inMemory .tsg.late series]}

/ Those of parts, without the ones that were deleted since.
.tsg.storedRows:{[series;letters;ids;start;stop]
  empty:flip (`id`time,key letters)!(0#0i;0#0),.tsg.nullColumn[;0] each .tsg.valuesOf letters;
  rows:raze enlist[empty],.tsg.readPart[letters;ids;start;stop] peach .tsg.partsOf[series;ids;start;stop];
  gone:`id`time#.tsg.gone series;
  $[count gone;rows where count[gone]=gone?`id`time#rows;rows]}

/ Writes the rows of one part, sorted, and gives what the manifest says of it. Nothing names it before that is replaced.
.tsg.writePart:{[number;day;slice;rows]
  part:`number`day`slice`serial`volume`rows!(number;day;slice;.tsg.nextSerial;.tsg.volumeOf[day;slice];count rows);
  .tsg.nextSerial+:1;
  path:.tsg.partPath part;
  .tsg.removePath path;                               / what a merge left that did not come to its end
  sorted:update id:`p#id from `id`time xasc rows;
  ((` sv path,`),.tsg.compression) set sorted;        / [ref/set] splayed: every column is a file; there are no symbols to enumerate
  .tsg.shell "sync ",.tsg.quoted[path],"/* ",.tsg.quoted[path],"/.d ",.tsg.quoted path;
  files:.tsg.joinPath[path] each key path;
  part,`oldest`latest`bytes!(min rows`time;max rows`time;sum .tsg.fileBytes each files)}

.tsg.removePath:{[path] if[.tsg.isThere path;.tsg.shell "rm -rf ",.tsg.quoted path];}

/ What the days, slices and rows in memory of a series make anew: (keys day, slice; rows in memory).
.tsg.touched:{[series]
  points:raze {[rows] `id`time#rows} each (.tsg.hot series;.tsg.late series;.tsg.gone series);
  distinct ([]day:points[`time] div .tsg.dayNs;slice:("j"$points`id) mod .tsg.slices)}

/ Rows that a merge would have to read and write, and what its parts cost beside, near enough to decide where it runs.
.tsg.mergeRows:{
  sum 0,{[series]
    wanted:.tsg.numbers series;
    days:.tsg.touched series;
    stored:select number,day,slice,rows from .tsg.parts where number=wanted;
    hit:count[days]>days?select day,slice from stored;
    count[.tsg.hot series]+count[.tsg.late series]+(.tsg.partRows*count days)+sum 0,stored[`rows] where hit} each key .tsg.numbers}

/ Brings all that is in memory into parts and gives the parts as they are then. Changes nothing else.
.tsg.mergeAll:{
  kept:select from .tsg.parts where number in .tsg.valuesOf .tsg.numbers;
  .tsg.mergeSeries/[kept;key .tsg.numbers]}

.tsg.mergeSeries:{[parts;series]
  places:.tsg.touched series;
  .tsg.mergeDay[series]/[parts;places`day;places`slice]}                            / [ref/accumulators#ternary-values]

.tsg.mergeDay:{[series;parts;atDay;atSlice]
  wanted:.tsg.numbers series;
  start:.tsg.dayNs*atDay;
  rows:.tsg.rowsOf[series;til count .tsg.fieldTypes series;.tsg.idsOfSlice[series;atSlice];start;.tsg.endOfDay start];
  others:delete from parts where number=wanted,day=atDay,slice=atSlice;
  $[count rows;others,enlist .tsg.writePart[wanted;atDay;atSlice;rows];others]}

.tsg.idsOfSlice:{[series;slice] "i"$slice+.tsg.slices*til ceiling (count[.tsg.tagKeys series]-slice)%.tsg.slices}
.tsg.endOfDay:{[start] $[start>0W-.tsg.dayNs;0W;start+.tsg.dayNs]}                     / the last day ends early: times go to 0W-1

/ All that a start needs, and a reader.
.tsg.savedNames:`.tsg.catalogueVersion`.tsg.nextNumber`.tsg.numbers`.tsg.tagNames`.tsg.fieldNames`.tsg.fieldTypes`.tsg.tagKeys`.tsg.tagValues`.tsg.newest`.tsg.applied`.tsg.parts`.tsg.slices`.tsg.nextSerial`.tsg.mergedGeneration`.tsg.mergedSequence

.tsg.manifestVersion:1
.tsg.manifestPath:{[name] .tsg.joinPath[first .tsg.volumes;name]}

/ Under another name first: whoever reads `manifest` sees the one before or this one. A dictionary: of a list set makes a mapped one, which is three files
/ [releases/ChangesIn3.6#anymap].
.tsg.saveManifest:{[name]
  path:.tsg.manifestPath name;
  temporary:.tsg.manifestPath `$string[name],".new";
  temporary set (`version,.tsg.savedNames)!enlist[.tsg.manifestVersion],get each .tsg.savedNames;
  .tsg.shell "sync ",.tsg.quoted temporary;
  .tsg.renameFile[temporary;path];}

.tsg.renameFile:{[source;target]
  .tsg.shell "mv -T ",.tsg.quoted[source]," ",.tsg.quoted target;
  .tsg.shell "sync ",.tsg.quoted first .tsg.volumes;}

.tsg.readManifest:{[name]
  saved:.tsg.readFile .tsg.manifestPath name;
  if[not .tsg.manifestVersion~saved`version;'"the manifest has another version: ",-3!saved`version];
  saved[`.tsg.parts]:update volume:volume mod count .tsg.volumes from saved`.tsg.parts;        / a backup may come back on fewer or more
  .tsg.savedNames#saved}

/ Attributes are not promised to survive a dictionary in a file.
.tsg.loadManifest:{[saved]
  (key saved) set' .tsg.valuesOf saved;
  .tsg.tagKeys:.tsg.none,(1_key .tsg.tagKeys)!{[tagKeys] `u#tagKeys} each 1_.tsg.valuesOf .tsg.tagKeys;
  .tsg.applied:(`u#key .tsg.applied)!.tsg.valuesOf .tsg.applied;
  .tsg.named:.tsg.parts;
  .tsg.createEmptyMemory each key .tsg.numbers;
  .tsg.sequence:.tsg.mergedSequence;}

/ Hot, late and deleted rows of a series whose newest values are known.
.tsg.createEmptyMemory:{[series]
  newest:.tsg.newest series;
  .tsg.createMemory series;
  .tsg.addField[series]'[til count .tsg.fieldTypes series;.tsg.fieldTypes series];
  .tsg.newest[series]:newest;}
