// What is exported, read again, is what was stored: each format by a reader that is not its writer.

import assert from 'node:assert/strict';
import { buffer } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { parquetMetadata, parquetReadObjects } from 'hyparquet';
import { DEFAULT_PARSERS } from 'hyparquet/src/convert.js';
import { compressors } from 'hyparquet-compressors';
import type { Store } from '../../../kdb/embedded/store.ts';
import { DirectoryStore } from '../../../src/base/objects/directory.ts';
import { endOfTimeNs, formatIsoNs, minTimeNs } from '../../../src/base/time.ts';
import { decoderFor } from '../../../src/ingest/index.ts';
import { defaultTable, type TableOptions } from '../../../src/ingest/table.ts';
import { nextBatchId } from '../../../src/kdb/batch-id.ts';
import type { QueryResult, QuerySpec } from '../../../src/kdb/engine.ts';
import { encodeJson } from '../../../src/query/json-result.ts';
import { type FileForm, writeFile } from '../../../workers/exports/files.ts';
import { RawPages } from '../../../workers/exports/pages.ts';
import { openStore, volumesFor } from '../../engines/store-in-temp.ts';
import { temporaryFolder } from '../../servers.ts';

const maxLong = 2n ** 63n - 1n;
const fields = { f: 'float', l: 'long', b: 'boolean', s: 'string' } as const;
type Row = readonly [
  timeNs: bigint,
  host: string,
  zone: string,
  f: number | null,
  l: bigint | null,
  b: boolean | null,
  s: string | null,
];

const rows: readonly Row[] = [
  [-1n, 'a', '', 0.1, 1n, true, 'plain'],
  [0n, 'a', 'z', -0, maxLong, false, ''],
  [1n, 'b,c', 'd=e f', 5e-324, -maxLong, null, 'two\nlines, "quoted"'],
  [1_700_000_000_123_456_789n, 'ü', '"', 1.7976931348623157e308, 2n ** 53n + 1n, true, ' spaces '],
  [1_700_000_000_123_456_790n, 'a', '', null, null, null, 'back\\slash\\'],
  [1_700_000_000_123_456_791n, '', 'z\\x', 1e21, null, null, null],
  [1_700_000_000_123_456_792n, 'a\\,b', '', -123456.789, 0n, false, '日本 \u0007'],
  [1_700_000_001_000_000_000n, 'a', '', 1, -1n, null, '\r\n'],
];
const series = 'my cpu,x';
const definedFields = Object.entries(fields).map(([name, type]) => ({ name, type }));

async function filled(t: TestContext): Promise<Store> {
  const store = await openStore(volumesFor(t, 2));
  t.after(() => store.close());
  const columns = rows.map(([timeNs, host, zone, f, l, b, s]) => {
    const given = Object.entries({
      f: Object.is(f, -0) ? new Raw('-0.0') : f,
      l: l === null ? null : new Raw(l),
      b,
      s,
    }).filter(([, value]) => value !== null);
    const tags = Object.fromEntries(Object.entries({ host, zone }).filter(([, value]) => value !== ''));
    return { series, time: new Raw(timeNs), tags, fields: Object.fromEntries(given) };
  });
  await store.define({
    series,
    tags: ['host', 'zone'],
    fields: definedFields,
  });
  const body = JSON.stringify(columns, (_, value) =>
    value instanceof Raw ? numbers.rawJSON(String(value.value)) : value,
  );
  await insert(store, body, 'application/json');
  return store;
}

/** Which the types do not know yet. */
const numbers = JSON as unknown as { rawJSON(text: string): object };

class Raw {
  readonly value: bigint | string;

  constructor(value: bigint | string) {
    this.value = value;
  }
}

async function insert(store: Store, body: string | Buffer, type: string, table?: TableOptions): Promise<void> {
  const batch = decoderFor(type)(Buffer.from(body as string), { precision: 'ns', nowNs: 0n, ...(table && { table }) });
  assert.deepEqual(batch.faults, []);
  await store.insert({ batchId: nextBatchId(), parts: batch.parts });
}

const spec: QuerySpec = {
  series,
  ...{ fromNs: minTimeNs, toNs: endOfTimeNs, where: null, by: [], bucket: null, select: [], fields: [] },
  ...{ order: 'asc', limit: 1_000_000, cut: false, after: null },
};

async function exported(t: TestContext, store: Store, form: Partial<FileForm>): Promise<Buffer> {
  const folder = temporaryFolder();
  t.after(folder.remove);
  const objects = new DirectoryStore({ path: folder.path, link: () => '' });
  const { rows: count, next } = await writeFile({
    store: objects,
    key: 'x',
    form: { series, format: 'csv', compression: 'none', timeFormat: 'iso', splitRows: 1e9, splitBytes: 1e9, ...form },
    pages: new RawPages((given) => store.query(given), spec),
    from: null,
    signal: new AbortController().signal,
    progress: () => {},
  });
  assert.deepEqual([count, next], [rows.length, null]);
  return buffer(await objects.get('x'));
}

function shown(result: QueryResult): unknown {
  return JSON.parse(encodeJson(result, { interval: null, timeFormat: 'ns', next: null }).toString());
}

const unpack = { none: (bytes: Buffer) => bytes, gzip: gunzipSync, zstd: zstdDecompressSync } as const;

for (const compression of ['none', 'gzip', 'zstd'] as const) {
  test(`line protocol, ${compression}: the write API reads back the same points`, async (t) => {
    const store = await filled(t);
    const text = unpack[compression](await exported(t, store, { format: 'line-protocol', compression }));
    const other = await openStore(volumesFor(t, 1));
    t.after(() => other.close());
    await insert(other, text, 'text/plain');
    const [a, b] = [await store.query(spec), await other.query(spec)];
    const byName = (result: QueryResult) => ({
      ...result,
      columns: result.columns.toSorted((x, y) => (x.name < y.name ? -1 : 1)),
    });
    assert.deepEqual(shown(byName(b)), shown(byName(a)));
    assert.deepEqual(await exported(t, other, { format: 'line-protocol' }).then(linesOf), linesOf(text));
  });
}

/** Fields come in the order in which a database met them. */
function linesOf(text: Buffer): number[] {
  return text
    .toString()
    .split('\n')
    .map(({ length }) => length)
    .sort();
}

for (const compression of ['none', 'gzip', 'zstd'] as const) {
  test(`Parquet, ${compression}: a reader finds types and values`, async (t) => {
    const bytes = await exported(t, await filled(t), { format: 'parquet', compression });
    const file = new Uint8Array(bytes).buffer;
    const { schema, row_groups: groups } = parquetMetadata(file);
    assert.deepEqual(schema[1]!.logical_type, { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'NANOS' });
    assert.deepEqual(
      schema.slice(1).map(({ name, type }) => `${name} ${type}`),
      ['time INT64', 'host BYTE_ARRAY', 'zone BYTE_ARRAY', 'f DOUBLE', 'l INT64', 'b BOOLEAN', 's BYTE_ARRAY'],
    );
    assert.ok(groups[0]!.columns[1]!.meta_data!.encodings.includes('RLE_DICTIONARY'));
    assert.equal(
      groups[0]!.columns[0]!.meta_data!.codec,
      { none: 'UNCOMPRESSED', gzip: 'GZIP', zstd: 'ZSTD' }[compression],
    );
    const parsers = { ...DEFAULT_PARSERS, timestampFromNanoseconds: (ns: bigint) => ns };
    const read = await parquetReadObjects({ file, compressors, parsers });
    const expected = rows.map(([time, host, zone, f, l, b, s]) => ({
      time,
      host: host || null,
      zone: zone || null,
      f,
      l,
      b,
      s,
    }));
    assert.deepEqual(
      read.map((row) => ({ ...row })),
      expected.map((row) => ({ ...row })),
    );
  });
}

for (const [format, type] of [
  ['csv', 'text/csv'],
  ['ndjson', 'application/x-ndjson'],
] as const) {
  test(`${format}: the write API reads back the same points`, async (t) => {
    const store = await filled(t);
    const text = await exported(t, store, { format });
    const other = await openStore(volumesFor(t, 1));
    t.after(() => other.close());
    await other.define({ series, tags: ['host', 'zone'], fields: definedFields });
    await insert(other, text, type, { ...defaultTable, series, tagColumns: ['host', 'zone'], types: fields });
    const found = shown(await other.query(spec)) as { rows: unknown[] };
    assert.deepEqual(found.rows, (shown(await store.query(spec)) as { rows: unknown[] }).rows);
  });
}

test('NDJSON: an object per point, without what it does not have', async (t) => {
  const text = (await exported(t, await filled(t), { format: 'ndjson' })).toString();
  const exact = (name: string, value: unknown, context?: { source: string }): unknown =>
    name === 'l' ? BigInt(context!.source) : value;
  const read = text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line, exact));
  const expected = rows.map(([time, host, zone, f, l, b, s]) => {
    const all = { time: formatIsoNs(time), host: host || null, zone: zone || null, f, l, b, s };
    return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== null));
  });
  assert.deepEqual(read, expected);
});

test('CSV: empty is no value, "" is an empty string', async (t) => {
  const text = (await exported(t, await filled(t), { format: 'csv' })).toString();
  const expected = rows.map(([time, host, zone, f, l, b, s]) => [
    formatIsoNs(time),
    host,
    zone,
    ...[f, l, b].map((value) => (value === null ? '' : Object.is(value, -0) ? '-0' : String(value))),
    s ?? '',
  ]);
  assert.deepEqual(records(text), [['time', 'host', 'zone', 'f', 'l', 'b', 's'], ...expected]);
  assert.match(text, /^1970-01-01T00:00:00Z,a,z,-0,9223372036854775807,false,""$/m);
  assert.match(text, /^2023-11-14T22:13:20.123456791Z,,z\\x,1e\+21,,,$/m);
});

for (const [timeFormat, first, last] of [
  ['ns', '-1', '1700000001000000000'],
  ['us', '-0.001', '1700000001000000'],
  ['ms', '-0.000001', '1700000001000'],
  ['s', '-0.000000001', '1700000001'],
] as const) {
  test(`CSV: times in ${timeFormat}`, async (t) => {
    const text = (await exported(t, await filled(t), { format: 'csv', timeFormat })).toString();
    const times = records(text).map(([time]) => time);
    assert.deepEqual([times[1], times.at(-1)], [first, last]);
  });
}

/** RFC 4180, a character at a time. */
function records(text: string): string[][] {
  const found: string[][] = [[]];
  let cell = '';
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    const char = text[i]!;
    if (quoted) {
      if (char === '"' && text[i + 1] === '"') cell += text[i++];
      else if (char === '"') quoted = false;
      else cell += char;
    } else if (char === '"') quoted = true;
    else if (char === ',' || char === '\n') {
      found.at(-1)!.push(cell);
      cell = '';
      if (char === '\n') found.push([]);
    } else cell += char;
  }
  return found.slice(0, -1);
}

for (const name of ['ends\\', '#first']) {
  test(`line protocol cannot hold the series ${name}, and says so`, async (t) => {
    const form = { series: name, format: 'line-protocol' } as const;
    await assert.rejects(exported(t, await filled(t), form), /^NotExportable|line protocol cannot hold the series/);
  });
}
