// Files that are made to exhaust whoever reads them: each is refused with a message that says which file, what, where and what to do, and the
// process goes on.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import type { ImportParams } from '../../../src/ingest/import.ts';
import { Decoding } from '../../../workers/import/decoding.ts';
import { Permanent } from '../../../workers/kinds/kind.ts';
import { type CraftedColumn, list, parquetOf, struct, types, varint, withFooter, zigzag } from './crafted-parquet.ts';
import { importBench } from './import-run.ts';

const mb = 1024 * 1024;
const int64 = 2;
const byteArray = 6;
const manyRows = 2 ** 30;

function longs(...values: number[]): Buffer {
  return Buffer.from(BigInt64Array.from(values, BigInt).buffer);
}

const time: CraftedColumn = { name: 'time', type: int64, pages: [{ values: 3, bytes: longs(1, 2, 3) }] };

function withColumn(type: number, ...pages: CraftedColumn['pages']): Buffer {
  return parquetOf([time, { name: 'v', type, pages }], 3);
}

/** A run of so many times the same index, one byte wide. */
const run = (count: number, index: number): Buffer =>
  Buffer.concat([Buffer.from([1]), varint(2 * count), Buffer.from([index])]);
const deltas = (count: number, first: number, least: number): Buffer =>
  // Blocks of 2^20 numbers, each `least` more than the one before: no bits.
  Buffer.concat([varint(2 ** 20), varint(1), varint(count), zigzag(first), zigzag(least), Buffer.from([0])]);
const dictionary = { kind: 2, values: 1, bytes: longs(7) } as const;

/** Texts of which each is the one before and a byte more: a megabyte becomes 500 GB. */
const grown = (count: number): Buffer =>
  Buffer.concat([deltas(count, 0, 1), deltas(count, 1, 0), Buffer.alloc(count, 'x')]);

const parquet: Partial<ImportParams> = { series: 's', format: 'parquet' };
const csv: Partial<ImportParams> = { series: 's', format: 'csv' };
const deep = (depth: number): Buffer => (depth === 0 ? struct([]) : struct([[1, types.struct, deep(depth - 1)]]));

const files: readonly (readonly [what: string, bytes: () => Buffer, params: Partial<ImportParams>, message: RegExp])[] =
  [
    [
      'a page that claims 2^30 values',
      () => withColumn(int64, dictionary, { values: manyRows, encoding: 2, bytes: run(manyRows, 0) }),
      parquet,
      /column v in row group 1, near byte \d+: a page claims 1073741824 rows where 3 are left/,
    ],
    [
      'a file that claims 2^30 rows',
      () =>
        parquetOf(
          [{ ...time, pages: [dictionary, { values: manyRows, encoding: 2, bytes: run(manyRows, 0) }] }],
          manyRows,
        ),
      parquet,
      /row group 1 of the Parquet file has 1073741824 rows, 8388608 at most/,
    ],
    [
      'a small file that claims millions of rows',
      () => parquetOf([{ ...time, pages: [dictionary, { values: 8e6, encoding: 2, bytes: run(8e6, 0) }] }], 8e6),
      parquet,
      /claims 8000000 rows in \d+ bytes/,
    ],
    [
      'a dictionary that claims 2^30 values',
      () => withColumn(int64, { ...dictionary, values: manyRows }),
      parquet,
      /column v in row group 1.*dictionary claims 1073741824 values/,
    ],
    [
      'an index outside of the dictionary',
      () => withColumn(int64, dictionary, { values: 3, encoding: 2, bytes: run(3, 9) }),
      parquet,
      /column v.*(dictionary does not have|too large)/,
    ],
    [
      'a page that claims to become 2 GB',
      () =>
        parquetOf(
          [{ ...time, codec: 1, pages: [{ values: 3, bytes: Buffer.from([0, 0]), unpackedBytes: 2 ** 31 - 1 }] }],
          3,
        ),
      parquet,
      /column time.*2147483647 bytes when it is unpacked/,
    ],
    [
      'texts that grow from row to row',
      () => {
        const count = 2 ** 15;
        const times = Buffer.concat([deltas(count, 0, 1)]);
        return parquetOf(
          [
            { ...time, pages: [{ values: count, encoding: 5, bytes: times }] },
            { name: 'v', type: byteArray, pages: [{ values: count, encoding: 7, bytes: grown(count) }] },
          ],
          count,
        );
      },
      { ...parquet, maxRejects: 2 ** 15 },
      /column v.*texts become too long/,
    ],
    [
      'a footer of lists that claim 2^27 items, one in the other',
      () => {
        let inner: Buffer = Buffer.alloc(0);
        for (let depth = 0; depth < 12; depth++) inner = list(types.list, [inner], 2 ** 27);
        return withFooter(Buffer.from('PAR1'), struct([[2, types.list, inner]]));
      },
      parquet,
      /more than 3000000 things of itself/,
    ],
    [
      'a footer 100,000 deep',
      () => withFooter(Buffer.from('PAR1'), Buffer.alloc(1e5, 0x1c)),
      parquet,
      /more than 16 deep/,
    ],
    [
      'a footer of millions of empty things',
      () => withFooter(Buffer.from('PAR1'), struct([[2, types.list, list(types.struct, [Buffer.alloc(4e6)], 4e6)]])),
      parquet,
      /more than 3000000 things of itself/,
    ],
    [
      'a footer that is longer than the file',
      () => withFooter(Buffer.from('PAR1'), deep(1), 2 ** 31),
      parquet,
      /footer claims/,
    ],
    [
      'too many columns',
      () =>
        parquetOf(
          Array.from({ length: 3_000 }, (_, i) => ({ ...time, name: `c${i}` })),
          3,
        ),
      parquet,
      /3000 columns; 2000 at most/,
    ],
    [
      'zstd that becomes a thousand times as large',
      () => zstdCompressSync(Buffer.alloc(12 * mb, `cpu v="${'x'.repeat(8_000)}" 1\n`)),
      {},
      /times as large/,
    ],
    ['a header of zeros', () => zstdCompressSync(Buffer.alloc(12 * mb)), csv, /no column time/],
    ['one line without an end', () => gzipSync(Buffer.alloc(12 * mb, '1,')), csv, /./],
    [
      'a quote without an end',
      () => Buffer.concat([Buffer.from('time,v\n1,"'), Buffer.alloc(12 * mb, 'x\n')]),
      csv,
      /from line 2 on no record ends/,
    ],
    [
      'one huge object',
      () => Buffer.concat([Buffer.from('{"time":1,"v":"'), Buffer.alloc(12 * mb, 'x')]),
      { series: 's' },
      /from line 1 on no record ends/,
    ],
    [
      'an object of 50,000 fields',
      () => Buffer.from(`{"time":1${Array.from({ length: 50_000 }, (_, i) => `,"f${i}":1`).join('')}}\n`),
      { series: 's' },
      /./,
    ],
    [
      '300,000 columns',
      () => Buffer.from(`time${Array.from({ length: 3e5 }, (_, i) => `,c${i}`).join('')}\n1,2\n`),
      csv,
      /./,
    ],
  ];

test('hostile files are refused, and the next file is imported', async (t) => {
  const { importFile, points } = await importBench(t);
  for (const [what, bytes, params, message] of files) {
    await t.test(what, async () => {
      const before = process.memoryUsage().rss;
      await assert.rejects(importFile('hostile', bytes(), params), (error: Error) => {
        assert.ok(error instanceof Permanent, error.stack);
        assert.match(error.message, message);
        assert.match(error.message, /^object hostile: .+; (close|correct|name|pack|send|split|write) /);
        assert.ok(error.message.length < 5_000, `a message of ${error.message.length}`);
        return true;
      });
      const grewMb = (process.memoryUsage().rss - before) / mb;
      assert.ok(grewMb < 512, `${grewMb} MB more`);
    });
  }
  assert.equal((await importFile('good', Buffer.from('good v=1 1\n'))).rows, 1);
  assert.equal((await points('good')).length, 1);
});

test('a file that takes more memory than there is ends its thread alone', async (t) => {
  const { objects } = await importBench(t);
  const rows = Array.from({ length: 40_000 }, (_, i) => `{"series":"s${i}","time":1,"fields":{"${i}":1}}`);
  await objects.put('file', rows.join('\n'));
  const pieces = [{ key: 'file', bytes: rows.join('\n').length }];
  const decoding = new Decoding(objects, new AbortController().signal, 8);
  t.after(() => decoding.close());
  const params: ImportParams = { source: { object: 'file' } };
  await assert.rejects(async () => {
    const plan = await decoding.plan(pieces, params, null);
    const from = { position: plan.start, section: { ddl: false, database: null }, nowNs: 0n };
    for await (const _ of decoding.steps(plan, params, from));
  }, /takes more than 8 MB of memory/);
});

test('an import that is cancelled lets go of its thread at once', async (t) => {
  const { importFile } = await importBench(t);
  const controller = new AbortController();
  const importing = importFile('lines', Buffer.alloc(40 * mb, 'cpu v=1 1\n'), {}, { signal: controller.signal });
  setTimeout(() => controller.abort(new Error('cancelled')), 500);
  await assert.rejects(importing, /cancelled/);
});
