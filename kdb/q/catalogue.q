/ Series, their tags, fields and types; tag sets interned to ids. What a request would add is staged first, so that a refused one changes nothing.

/ Dictionaries by series begin with an entry for `: a list of like dictionaries would collapse into a table [basics/dictsandtables].
.tsg.none:(enlist`)!enlist(::)
.tsg.catalogueVersion:0
.tsg.nextNumber:0                                     / numbers of series are never used again: parts of a dropped one may still be there
.tsg.numbers:(0#`)!0#0                                / series -> number
.tsg.tagNames:.tsg.none                               / series -> symbols
.tsg.fieldNames:.tsg.none                             / series -> symbols
.tsg.fieldTypes:.tsg.none                             / series -> letters, one of f j b s each
.tsg.tagKeys:.tsg.none                                / series -> by id, one symbol per tag set, with `u#
.tsg.tagValues:.tsg.none                              / series -> per tag, by id, its value; ` where the tag set does not have it
.tsg.staged:.tsg.none                                 / series -> (tags; fields; types) as the request at hand would leave them

.tsg.typeNames:"fjbsn"!("float";"long";"boolean";"string";"float")

.tsg.valuesOf:{[dictionary] value dictionary}         / [ref/value] of a dictionary of ours: its values

.tsg.plainText:{[subject]
  text:$[10h=abs type subject;(),subject;string subject];
  @[text;where text="\t";:;" "]}

/ An error as src/kdb/engine-error.ts reads it: the code and its subjects, separated by tabs.
.tsg.refuse:{[subjects] '"\t" sv .tsg.plainText each subjects}
.tsg.badCall:{[reason] .tsg.refuse (`BadCall;reason)}

/ string gives 0W for 2^63-1, and nothing for -2^63 [ref/string]
.tsg.longText:{[number]
  $[null number;"-9223372036854775808";number=0W;"9223372036854775807";number=-0W;"-9223372036854775807";string number]}

/ By the bytes: how many have to follow a leading one, and which do. Nulls before the first byte count as 0 [ref/next#xprev].
.tsg.isUtf8:{[text]
  codes:"j"$"x"$text;
  if[not any codes>127;:1b];
  codes,:0 0 0;
  follow:"j"$(codes>=194)+(codes>=224)+(codes>=240);
  expected:(0<0^prev follow)|(1<0^2 xprev follow)|(2<0^3 xprev follow);
  before:0^prev codes;
  tooLong:((before=224)&codes<160)|((before=240)&codes<144);        / could be said in fewer bytes
  tooHigh:((before=237)&codes>159)|((before=244)&codes>143);        / surrogates, and above U+10FFFF
  never:(codes in 192 193)|codes>244;
  not any tooLong|tooHigh|never|not expected=codes within 128 191}

.tsg.nameFault:{[name]
  text:string name;
  codes:"x"$text;
  $[0=count text;"is empty";
    (text~enlist ".")|text~"..";"cannot stand in a URL";
    any (codes<0x20)|codes=0x7f;"has a control character";
    .tsg.maxNameBytes<count text;"is longer than ",string[.tsg.maxNameBytes]," bytes";
    not .tsg.isUtf8 text;"is not valid Unicode";
    ""]}

.tsg.checkName:{[name]
  reason:.tsg.nameFault name;
  if[count reason;.tsg.refuse (`InvalidName;name;reason)];}

.tsg.checkColumnName:{[name]
  if[name=`time;.tsg.refuse (`InvalidName;name;"is the name of the time column")];
  .tsg.checkName name;}

.tsg.mustExist:{[series] if[not series in key .tsg.numbers;.tsg.refuse (`SeriesNotFound;series)];}

.tsg.fieldNumber:{[series;field]
  if[not field in .tsg.fieldNames series;.tsg.refuse (`FieldNotFound;series;field)];
  .tsg.fieldNames[series]?field}

.tsg.tagNumber:{[series;tag]
  if[not tag in .tsg.tagNames series;.tsg.refuse (`TagNotFound;series;tag)];
  .tsg.tagNames[series]?tag}

/ (tags; fields; types) of a series as staged or stored, or () of none.
.tsg.definition:{[series]
  $[series in 1_key .tsg.staged;.tsg.staged series;
    series in key .tsg.numbers;(.tsg.tagNames series;.tsg.fieldNames series;.tsg.fieldTypes series);
    ()]}

/ What define and a part have in common: names are good, none is there twice.
.tsg.checkColumns:{[series;tags;fields]
  .tsg.checkName series;
  if[.tsg.maxTags<count tags;.tsg.refuse (`TooManyFields;series;string .tsg.maxTags)];
  if[.tsg.maxFields<count fields;.tsg.refuse (`TooManyFields;series;string .tsg.maxFields)];
  .tsg.checkColumnName each tags,fields;
  if[count[tags]>count distinct tags;.tsg.badCall "a tag occurs twice"];
  if[count both:fields inter tags;.tsg.refuse (`TagFieldClash;series;first both)];
  if[count[fields]>count distinct fields;.tsg.badCall "a field occurs twice"];}

/ Stages what is new; strict: nothing may be. Given types are those of the catalogue already.
.tsg.stage:{[series;tags;fields;types;isStrict]
  have:.tsg.definition series;
  if[()~have;
    if[isStrict;.tsg.refuse (`SeriesNotDefined;series)];
    created:(1_key .tsg.staged) except key .tsg.numbers;
    if[.tsg.maxSeries<=count[.tsg.numbers]+count created;.tsg.refuse (`TooManySeries;string .tsg.maxSeries)];
    have:(0#`;0#`;"")];
  newTags:tags except have 0;
  if[isStrict&0<count newTags;.tsg.refuse (`TagNotDefined;series;first newTags)];
  if[count both:newTags inter have 1;.tsg.refuse (`TagFieldClash;series;first both)];
  allTags:have[0],newTags;
  if[.tsg.maxTags<count allTags;
    .tsg.refuse (`InvalidName;allTags .tsg.maxTags;"would be more than the ",string[.tsg.maxTags]," tags that ",string[series]," may have")];
  isNew:not fields in have 1;
  if[count both:(fields where isNew) inter allTags;.tsg.refuse (`TagFieldClash;series;first both)];
  if[isStrict&any isNew;.tsg.refuse (`FieldNotDefined;series;first fields where isNew)];
  allFields:have[1],fields where isNew;
  if[.tsg.maxFields<count allFields;.tsg.refuse (`TooManyFields;series;string .tsg.maxFields)];
  .tsg.staged[series]:(allTags;allFields;have[2],types where isNew);}

/ Makes what is staged real. A series that changes raises the version by one.
.tsg.commit:{
  .tsg.commitSeries each 1_key .tsg.staged;
  .tsg.staged:.tsg.none;}

.tsg.commitSeries:{[series]
  wanted:.tsg.staged series;
  isNew:not series in key .tsg.numbers;
  if[isNew;.tsg.createSeries series];
  oldTags:count .tsg.tagNames series;
  oldFields:count .tsg.fieldNames series;
  if[isNew|(oldTags<count wanted 0)|oldFields<count wanted 1;.tsg.catalogueVersion+:1];
  .tsg.tagNames[series]:wanted 0;
  .tsg.fieldNames[series]:wanted 1;
  .tsg.fieldTypes[series]:wanted 2;
  .tsg.addTagColumn[series] each oldTags _ wanted 0;
  .tsg.addField[series]'[oldFields _ til count wanted 1;oldFields _ wanted 2];}

.tsg.createSeries:{[series]
  .tsg.numbers[series]:.tsg.nextNumber;
  .tsg.nextNumber+:1;
  .tsg.tagNames[series]:0#`;
  .tsg.fieldNames[series]:0#`;
  .tsg.fieldTypes[series]:"";
  .tsg.tagKeys[series]:`u#0#`;
  .tsg.tagValues[series]:();
  .tsg.createMemory series;}

.tsg.addTagColumn:{[series;tag] .tsg.tagValues[series],:enlist count[.tsg.tagKeys series]#`;}

/ One symbol per tag set: number, length and value of each tag that it has. Tags that come later change no key. The length makes it unambiguous, and the
/ last character keeps `$ from trimming blanks [ref/tok].
.tsg.keysOf:{[tags;given;columns;sets]
  order:iasc tags?given;
  pieces:{[number;column]
    texts:string column;
    text:(string[number],":"),/:((string count each texts),'":",'texts),'";";
    @[text;where null column;:;count[where null column]#enlist ""]}'[(tags?given) order;columns order];
  `$(,'/)[sets#enlist "";pieces]}

/ Ids of tag sets, given by key and by the values of all tags of the series; those that are new are added.
.tsg.intern:{[series;tagKeys;columns]
  isFirst:(til count tagKeys)=tagKeys?tagKeys;
  fresh:where isFirst&not tagKeys in .tsg.tagKeys series;
  if[count fresh;
    .tsg.tagKeys[series],:tagKeys fresh;              / `u# is kept [ref/set-attribute]
    .tsg.appendTag[series]'[til count columns;columns@\:fresh];
    .tsg.addTagSets[series;count fresh]];
  "i"$.tsg.tagKeys[series]?tagKeys}

.tsg.appendTag:{[series;number;tagValues] .tsg.tagValues[series;number],:tagValues;}
.tsg.tagSetTotal:{sum 0,count each 1_.tsg.valuesOf .tsg.tagKeys}

.tsg.forgetSeries:{[series]
  .tsg.numbers:(enlist series)_.tsg.numbers;          / [ref/drop] keys out of a dictionary
  .tsg.tagNames:(enlist series)_.tsg.tagNames;
  .tsg.fieldNames:(enlist series)_.tsg.fieldNames;
  .tsg.fieldTypes:(enlist series)_.tsg.fieldTypes;
  .tsg.tagKeys:(enlist series)_.tsg.tagKeys;
  .tsg.tagValues:(enlist series)_.tsg.tagValues;
  .tsg.catalogueVersion+:1;}
