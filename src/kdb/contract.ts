// The engine contract on the wire: every call, its arguments and its reply as q types. A database process answers these calls and nothing else.
// The grammar below is what call codecs (calls/*.ts) implement and what q code is checked against.
//
// Types: s symbol · S symbol vector · j long · J long vector · i int · I int vector · F float vector · x byte · X byte vector · b boolean ·
// B boolean vector · C char vector · g guid · :: generic null · (a; b; …) general list · [x] list of any number of x · a|b either.
// [; x] an argument that may be left out.
// Times are longs: nanoseconds since 1970. A string column is (I lengths; C bytes). A null long is 0Nj, a null float 0n, a null boolean byte 0x02.

export const contractVersion = 1;

/** One symbol per type; wire letters for field values: f float, j long, b boolean, s string, n number (engine.ts, FieldValues). */
export const fieldTypeLetters = { float: 'f', long: 'j', boolean: 'b', string: 's', number: 'n' } as const;

export type Lane = 'health' | 'write' | 'query';

export interface Call {
  readonly arguments: string;
  readonly reply: string;
  /** Which connections carry it (pool.ts). */
  readonly lane: Lane;
  /** A reader answers it too, when it has seen what the call says that it must have. */
  readonly readable?: true;
  readonly timeoutMs: number;
}

const column = '(s name; c kind; values)';

/** Names for what several calls share. */
export const grammar = {
  part: '(s series; S tags; [S] keys, one vector per tag; I row; J time; S fields; C types, one of f j b s n each; [:: | B] validity; [F | J | B | (I; C)] columns)',
  filter:
    '(`and; [filter]) | (`or; [filter]) | (`not; filter) | (`in; s tag; S values) | (`eq|`ne|`lt|`le|`gt|`ge; s field; f | j | b | C) | (`null; s field)',
  bucket: ':: | (`width; j width; j origin) | (`edges; J edges)',
  /** In the journal. A reader that has not come so far answers ReaderBehind; who has all of it does not look. */
  position: '(j generation; j offset)',
  aggregate: '(s operator of aggregates.ts; s field; s as [; f p | s weight, where the operator needs it])',
  column: `${column}; kind t: J · g: (S dictionary; I index) · f: F · j: J · b: X · s: (:: | B validity; I lengths; C bytes)`,
  result: '([column]; j rows; :: | (j time; j id))',
  series: '(s series; S tags; S fields; C types; j tagSets; j first; j last; j rows)',
} as const;

/** How deep and/or/not may nest. */
export const maxFilterDepth = 16;

export const calls = {
  '.tsg.hello': {
    arguments: '::',
    reply: '(j contract; s engine; s schema; j catalogueVersion; j maxTagSets)',
    lane: 'health',
    timeoutMs: 2_000,
  },
  '.tsg.define': {
    arguments: '(s series; S tags; S fields; C types)',
    reply: 'series',
    lane: 'write',
    timeoutMs: 10_000,
  },
  /** With a catalogue version: only while it is still that one, else CatalogueChanged. */
  '.tsg.drop': { arguments: 's series; j catalogueVersion', reply: '::', lane: 'write', timeoutMs: 60_000 },
  '.tsg.describe': { arguments: 's series', reply: 'series', lane: 'query', timeoutMs: 10_000 },
  /** One request. Reply (rows; late; catalogue version; generation; offset). */
  '.tsg.insert': { arguments: 'g batchId; [part]', reply: 'J', lane: 'write', timeoutMs: 30_000 },
  /** Requests that waited for a connection, joined: each has its own receipt, or the text of its own error. */
  '.tsg.inserts': { arguments: '[(g batchId; [part])]', reply: '[J | C]', lane: 'write', timeoutMs: 30_000 },
  '.tsg.query': {
    arguments:
      '`series`from`to`where`by`bucket`select`fields`order`limit`cut`after!(s; j; j; :: | filter; S; bucket; [aggregate]; S; `asc|`desc; j; b; :: | (j time; j id)), and a key `position may stand there too',
    reply: 'result',
    lane: 'query',
    readable: true,
    timeoutMs: 30_000,
  },
  /** Arguments as for .tsg.query. */
  '.tsg.explain': {
    arguments: 'query',
    reply: '(j rows; j parts; J bytesPerVolume; j bytesCached; j hotRows; j lateRows; j readNs; j totalNs)',
    lane: 'query',
    readable: true,
    timeoutMs: 30_000,
  },
  '.tsg.latest': {
    arguments: '(s series; :: | filter; S fields) [; position]',
    reply: 'result',
    lane: 'query',
    readable: true,
    timeoutMs: 30_000,
  },
  /** The tolerance is 0Nj where any age will do. */
  '.tsg.asof': {
    arguments:
      '(s series; j from; j to; :: | filter; S fields; S by; s other; :: | filter; S fieldsOfOther; j tolerance; `asc|`desc; j limit; :: | (j time; j id)) [; position]',
    reply: 'result',
    lane: 'query',
    readable: true,
    timeoutMs: 30_000,
  },
  '.tsg.tags': {
    arguments: 's series [; position]',
    reply: '[(s tag; S values; I tagSets)]',
    lane: 'query',
    readable: true,
    timeoutMs: 30_000,
  },
  /** In the order of their names (UTF-8 bytes), from the one after `after`; `next` is the `after` of the next page. ` is none. */
  '.tsg.series': {
    arguments: '(s after; j limit) [; position]',
    reply: '([series]; s next)',
    lane: 'query',
    readable: true,
    timeoutMs: 10_000,
  },
  '.tsg.stats': {
    arguments: '::',
    reply: '(J bytesPerVolume; j journalBytes; j hotRows; j lateRows; j parts; j generation; j offset; j checkpointNs)',
    lane: 'query',
    timeoutMs: 10_000,
  },
  '.tsg.delete': {
    arguments: '(s series; j from; j to; :: | filter; b dryRun)',
    reply: 'j',
    lane: 'write',
    timeoutMs: 60_000,
  },
  '.tsg.retain': { arguments: 'j before', reply: 'j', lane: 'write', timeoutMs: 60_000 },
  /** Called again until nothing is left. */
  '.tsg.compact': {
    arguments: '::',
    reply: '(j parts; j into; j bytesBefore; j bytesAfter; j left)',
    lane: 'write',
    timeoutMs: 600_000,
  },
  '.tsg.checkpoint': { arguments: '::', reply: '::', lane: 'write', timeoutMs: 600_000 },
  '.tsg.backup': {
    arguments: 's name',
    reply: '[(j volume; C path; j bytes; C sha256)]',
    lane: 'query',
    timeoutMs: 600_000,
  },
  '.tsg.tail': {
    arguments: '(s series; j generation; j offset; j maxRows)',
    reply: '([part]; j generation; j offset)',
    lane: 'query',
    timeoutMs: 10_000,
  },
} as const satisfies Record<string, Call>;

/** What the host agent answers, on its own port, for databases whose engine cannot sync a file; the login is the database's. */
export const hostCalls = {
  /** Answered when everything up to there is on the disk; nulls: everything that is written by now. The reply says how far that is. */
  '.tsg.durable': { arguments: 'j generation; j offset', reply: 'position', timeoutMs: 30_000 },
  /**
   * How many connections to each process of the database the asker may have now; it says how many it has. An asker is a connection to the agent: when
   * that closes, its share is the others'.
   */
  '.tsg.share': { arguments: 'j used', reply: 'j', timeoutMs: 2_000 },
} as const;

/**
 * What the q processes of one database ask of each other, over loopback or their host's own address and with the database's login. Nobody else
 * makes these calls; the embedded engine has one process and none of them.
 */
export const ownCalls = {
  /** Where a reader begins to read the manifest and the journal by itself; from then on it hears every record. */
  '.tsg.follow': { arguments: '::', reply: '(j generation; j records; j offset; j switch)' },
  /** From a reader, a message without an answer: it has made this switch of parts, and no query of it reads any of before. */
  '.tsg.heard': { arguments: 'j switch', reply: '' },
} as const;

export type CallName = keyof typeof calls;
