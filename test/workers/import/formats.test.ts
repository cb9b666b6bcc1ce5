import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { parquetWriteBuffer } from 'hyparquet-writer';
import type { ImportParams } from '../../../src/ingest/import.ts';
import { Permanent } from '../../../workers/kinds/kind.ts';
import { importBench } from './import-run.ts';

const expected = [
  { time: 1_000_000_001n, host: 'a', v: 1.5, n: 7n, ok: true, note: 'x "y"' },
  { time: 2_000_000_002n, host: 'b', v: -2, n: -9_007_199_254_740_993n, ok: false, note: 'l1\nl2' },
];

const lines = expected
  .map(
    ({ time, host, v, n, ok, note }) =>
      `cpu,host=${host} v=${v},n=${n}i,ok=${ok},note=${JSON.stringify(note).replaceAll('\\n', '\n')} ${time}`,
  )
  .join('\n');
const csv = `time,host,v,n,ok,note\n${expected
  .map(({ time, host, v, n, ok, note }) => `${time},${host},${v},${n},${ok},"${note.replaceAll('"', '""')}"`)
  .join('\r\n')}`;
const rows = expected
  .map(
    ({ time, host, v, n, ok, note }) =>
      `{"time":${time},"host":"${host}","v":${v},"n":${n},"ok":${ok},"note":${JSON.stringify(note)}}`,
  )
  .join('\n');
const points = expected
  .map(
    ({ time, host, v, n, ok, note }) =>
      `{"series":"cpu","tags":{"host":"${host}"},"time":${time},"fields":{"v":${v},"n":${n},"ok":${ok},"note":${JSON.stringify(note)}}}`,
  )
  .join('\n');
const parquet = Buffer.from(
  parquetWriteBuffer({
    columnData: [
      { name: 'time', data: expected.map(({ time }) => time), type: 'INT64' },
      { name: 'host', data: expected.map(({ host }) => host), type: 'STRING' },
      { name: 'v', data: expected.map(({ v }) => v), type: 'DOUBLE' },
      { name: 'n', data: expected.map(({ n }) => n), type: 'INT64' },
      { name: 'ok', data: expected.map(({ ok }) => ok), type: 'BOOLEAN' },
      { name: 'note', data: expected.map(({ note }) => note), type: 'STRING' },
    ],
  }),
);
const influx = `# INFLUXDB EXPORT: 1677-09-21T00:12:43Z - 2262-04-11T23:47:16Z\n# DDL\nCREATE DATABASE plant WITH NAME autogen\n# DML\n# CONTEXT-DATABASE:plant\n# CONTEXT-RETENTION-POLICY:autogen\n# writing tsm data\n${lines}\n`;

const table = { series: 'cpu', tagColumns: ['host'], types: { n: 'long' } } as const;
const files: readonly (readonly [format: string, name: string, bytes: Buffer, params: Partial<ImportParams>])[] = [
  ['line-protocol', 'lines', Buffer.from(lines), {}],
  ['line-protocol', 'influx', Buffer.from(influx), {}],
  ['csv', 'csv', Buffer.from(csv), table],
  ['ndjson', 'rows', Buffer.from(rows), table],
  ['ndjson', 'points', Buffer.from(points), {}],
  ['parquet', 'parquet', parquet, { series: 'cpu', tagColumns: ['host'] }],
];
const packers = {
  none: (bytes: Buffer) => bytes,
  gzip: (bytes: Buffer) => gzipSync(bytes),
  // In several frames, as pzstd does it: they end within a chunk of what is read.
  zstd: (bytes: Buffer) => {
    const middle = bytes.length >> 1;
    return Buffer.concat([bytes.subarray(0, middle), bytes.subarray(middle)].map((half) => zstdCompressSync(half)));
  },
};

for (const [format, name, bytes, params] of files) {
  test(`${name}, plain and packed`, async (t) => {
    for (const [compression, pack] of Object.entries(packers)) {
      const { importFile, points, objects, store } = await importBench(t);
      if (name === 'rows' || name === 'points')
        await store.define({ series: 'cpu', tags: [], fields: [{ name: 'n', type: 'long' }] });
      const dry = await importFile(name, pack(bytes), { ...params, dryRun: true });
      assert.equal(dry.rowsEstimated, 2);
      assert.deepEqual([dry.format, dry.rejected, dry.from], [format, 0, '1970-01-01T00:00:01.000000001Z']);
      const result = await importFile(name, pack(bytes), params);
      assert.deepEqual(result, { format, compression, rows: 2, rejected: 0 });
      const found = (await points('cpu')) as (typeof expected)[number][];
      assert.deepEqual(
        found.map((row) => ({ ...row })),
        expected.map(({ time, host, ...fields }) => ({ time, host, ...fields })),
      );
      const left: string[] = [];
      for await (const { key } of objects.list('imports/')) left.push(key);
      assert.deepEqual(left, [`imports/db-1/${name}`]);
    }
  });
}

test('of an export of several databases one must be meant', async (t) => {
  const { importFile, points } = await importBench(t);
  const bytes = Buffer.from(`# DML\n# CONTEXT-DATABASE:a\ncpu v=1 1\n# CONTEXT-DATABASE:b\ncpu v=2 2\n`);
  await assert.rejects(importFile('x', bytes), /several databases \(a, and b from line 4 on\)/);
  await importFile('y', bytes, { influxDatabase: 'b' });
  assert.deepEqual((await points('cpu')).at(-1), { time: 2n, v: 2 });
});

const refused: readonly (readonly [bytes: Buffer, params: Partial<ImportParams>, message: RegExp])[] = [
  [Buffer.from(''), {}, /empty/],
  [Buffer.from('time,v\n1,2\n'), {}, /needs the parameter series/],
  [Buffer.from('t,v\n1,2\n'), { series: 'cpu' }, /no column time; it has t, v/],
  [gzipSync('cpu v=1 1\n'.repeat(1_000)).subarray(0, 40), {}, /damaged/],
  [Buffer.concat([gzipSync('cpu v=1 1\n'), Buffer.from([0x1f, 0x8b, 1, 2])]), { compression: 'zstd' }, /damaged/],
  [Buffer.from('PAR1 and nothing'), { series: 'cpu' }, /Parquet file is damaged/],
  [Buffer.alloc(20 * 1024 * 1024, 'x'), { format: 'line-protocol' }, /no record ends within/],
];

for (const [bytes, params, message] of refused) {
  test(`a file is refused: ${message}`, async (t) => {
    const { importFile } = await importBench(t);
    await assert.rejects(
      importFile('x', bytes, params),
      (error: Error) => error instanceof Permanent && message.test(error.message),
    );
  });
}

test('what becomes too large when it is unpacked is refused while it is unpacked', async (t) => {
  const { importFile } = await importBench(t);
  // 16 MiB of empty lines in 1 KB.
  await assert.rejects(
    importFile('bomb', zstdCompressSync(Buffer.alloc(16 * 1024 * 1024, '\n')), { format: 'line-protocol' }),
    /times as large/,
  );
});

test('rows that the database would remove, or that are too far ahead, are bad rows', async (t) => {
  const bench = await importBench(t);
  const [old, good, ahead] = ['2025-01-01', '2025-12-31', '2027-01-01'].map((day) => Date.parse(day) * 1e6);
  const files: readonly (readonly [name: string, bytes: Buffer])[] = [
    ['times.lp', Buffer.from([old, good, ahead].map((time) => `t v=1 ${time}`).join('\n'))],
    [
      'times.parquet',
      Buffer.from(
        parquetWriteBuffer({
          columnData: [
            { name: 'time', data: [old, good, ahead].map((time) => BigInt(time!)), type: 'INT64' },
            { name: 'v', data: [1, 1, 1], type: 'DOUBLE' },
          ],
        }),
      ),
    ],
  ];
  const times = { retentionDays: 30, futureHours: 24 };
  for (const [i, [name, bytes]] of files.entries()) {
    const params = { series: 't', maxRejects: 2 };
    const taskId = `times-${i}`;
    assert.partialDeepStrictEqual(await bench.importFile(name, bytes, params, { times, taskId }), {
      rows: 1,
      rejected: 2,
    });
    const rejects = (await bench.text(`imports/db-1/${taskId}/rejects.ndjson`)).trim().split('\n');
    assert.deepEqual(
      rejects.map((line) => [JSON.parse(line).line, JSON.parse(line).code]),
      [
        [1, 'OlderThanRetention'],
        [3, 'TooFarInFuture'],
      ],
    );
  }
});
