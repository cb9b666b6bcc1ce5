import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { ByteWriter, ParquetWriter, parquetWriteBuffer } from 'hyparquet-writer';
import type { Batch } from '../../../src/ingest/batch.ts';
import type { ImportParams } from '../../../src/ingest/import.ts';
import type { TableOptions } from '../../../src/ingest/table.ts';
import { ParquetFile, planParquet } from '../../../workers/import/parquet/file.ts';
import { SourceFile } from '../../../workers/import/source-file.ts';
import { Permanent } from '../../../workers/kinds/kind.ts';

const table: TableOptions = {
  series: 's',
  timeColumn: 'time',
  tagColumns: ['tag'],
  delimiter: ',',
  columns: null,
  types: {},
  timeFormat: null,
};

function fileOf(bytes: Uint8Array): SourceFile {
  const get = async function* (_: string, { from = 0, bytes: count = bytes.length } = {}): AsyncGenerator<Buffer> {
    yield Buffer.from(bytes.subarray(from, from + count));
  };
  return new SourceFile({ get }, [{ key: 'k', bytes: bytes.length }]);
}

async function read(bytes: Uint8Array, from = 0, options = table): Promise<{ rows: unknown[][]; batches: Batch[] }> {
  const parquet = await ParquetFile.open(fileOf(bytes));
  planParquet(parquet, options, {} as ImportParams);
  const rows: unknown[][] = [];
  const batches: Batch[] = [];
  for await (const { batch } of parquet.chunks(from, options, {} as ImportParams)) {
    batches.push(batch);
    for (const part of batch.parts) rows.push(...rowsOf(part));
  }
  return { rows, batches };
}

/** time, tag, fields in the order of the file; null where a row has none. */
function rowsOf({ timeNs, row, tagNames, keys, fields }: Batch['parts'][number]): unknown[][] {
  const rows: unknown[][] = Array.from(timeNs, (time, i) => [time, tagNames.length > 0 ? keys[0]![row[i]!] : '']);
  for (const { data, validity } of fields) {
    let at = 0;
    for (const [i, cells] of rows.entries()) {
      const length = data.type === 'string' ? data.values.lengths[i]! : 0;
      const value =
        data.type === 'string'
          ? Buffer.from(data.values.bytes.subarray(at, at + length)).toString()
          : data.type === 'boolean'
            ? data.values[i] === 1
            : data.values[i];
      cells.push(validity?.[i] === 0 ? null : value);
      at += length;
    }
  }
  return rows;
}

// Deterministic; long runs, short runs, negatives, many distinct values.
const count = 12_345;
const wave = (i: number): number => ((i * 7_919) % 1_000) - 500;
const columns = {
  INT64: (i: number) => BigInt(wave(i)) * 1_234_567_890_123n,
  DOUBLE: (i: number) => wave(i) / 3,
  FLOAT: (i: number) => Math.fround(wave(i) / 3),
  INT32: (i: number) => wave(i) * 4_000_000,
  BOOLEAN: (i: number) => i % 97 < 40,
  STRING: (i: number) => (i % 5 === 0 ? '' : `v${wave(i)}${'é'.repeat(i % 4)}`),
} as const;

const encodings: readonly (readonly [type: keyof typeof columns, encodings: readonly string[]])[] = [
  ['INT64', ['PLAIN', 'RLE_DICTIONARY', 'DELTA_BINARY_PACKED', 'BYTE_STREAM_SPLIT']],
  ['DOUBLE', ['PLAIN', 'RLE_DICTIONARY', 'BYTE_STREAM_SPLIT']],
  ['FLOAT', ['PLAIN', 'BYTE_STREAM_SPLIT']],
  ['INT32', ['PLAIN', 'RLE_DICTIONARY', 'DELTA_BINARY_PACKED']],
  ['BOOLEAN', ['PLAIN', 'RLE']],
  ['STRING', ['PLAIN', 'RLE_DICTIONARY', 'DELTA_LENGTH_BYTE_ARRAY', 'DELTA_BYTE_ARRAY']],
];

for (const [type, names] of encodings) {
  for (const encoding of names) {
    test(`${type} as ${encoding}`, async () => {
      const value = columns[type];
      const indexes = Array.from({ length: count }, (_, i) => i);
      for (const nullable of [false, true]) {
        const given = (i: number) => (nullable && (i % 11 === 3 || i % 2_000 < 150) ? null : value(i));
        const columnData = [
          { name: 'time', type: 'INT64', data: indexes.map((i) => BigInt(i) * 1_000n - 5_000n), nullable: false },
          { name: 'tag', type: 'STRING', data: indexes.map((i) => (i % 3 ? `t${i % 7}` : '')), nullable: false },
          { name: 'v', type, data: indexes.map(given), nullable, encoding },
          { name: 'w', type: 'BOOLEAN', data: indexes.map(() => true), nullable: false },
        ];
        const bytes = new Uint8Array(parquetWriteBuffer({ columnData, rowGroupSize: 5_000, pageSize: 4_096 } as never));
        const expected = indexes.map((i) => [BigInt(i) * 1_000n - 5_000n, i % 3 ? `t${i % 7}` : '', given(i), true]);
        assert.deepEqual((await read(bytes)).rows, expected);
        // Where a window ended before; it goes on in the middle of a row group.
        assert.deepEqual((await read(bytes, 10_000)).rows, expected.slice(10_000));
      }
    });
  }
}

test('codecs', async () => {
  const data = Array.from({ length: 3_000 }, (_, i) => BigInt(i));
  const columnData = [
    { name: 'time', type: 'INT64', data },
    { name: 'v', type: 'INT64', data },
  ];
  const compressors = {
    GZIP: (bytes: Uint8Array) => gzipSync(bytes),
    ZSTD: (bytes: Uint8Array) => zstdCompressSync(bytes),
  };
  for (const codec of ['UNCOMPRESSED', 'SNAPPY', 'GZIP', 'ZSTD']) {
    const bytes = new Uint8Array(parquetWriteBuffer({ columnData, codec, compressors } as never));
    assert.deepEqual(
      (await read(bytes)).rows.map(([time]) => time),
      data,
    );
  }
});

test('times, decimals and UUIDs become what they mean; what no type holds makes a bad row', async () => {
  const schema = [
    { name: 'root', num_children: 5 },
    { name: 'time', type: 'INT64', converted_type: 'TIMESTAMP_MICROS', repetition_type: 'REQUIRED' },
    { name: 'day', type: 'INT32', converted_type: 'DATE', repetition_type: 'REQUIRED' },
    { name: 'price', type: 'INT64', converted_type: 'DECIMAL', scale: 2, precision: 10, repetition_type: 'REQUIRED' },
    { name: 'big', type: 'INT64', converted_type: 'UINT_64', repetition_type: 'OPTIONAL' },
    { name: 'x', type: 'DOUBLE', repetition_type: 'REQUIRED' },
  ];
  const writer = new ByteWriter();
  const parquet = new ParquetWriter({ writer, schema: schema as never });
  parquet.write({
    columnData: [
      { name: 'time', data: [1n, 2n, 2n ** 62n, 4n].map((micros) => micros) },
      { name: 'day', data: [1, -1, 0, 0] },
      { name: 'price', data: [12_345n, -5n, 0n, 0n] },
      { name: 'big', data: [7n, null, 1n, 2n ** 64n - 1n] },
      { name: 'x', data: [1.5, Number.NaN, 0, Number.POSITIVE_INFINITY] },
    ] as never,
  });
  parquet.finish();
  const { rows, batches } = await read(new Uint8Array(writer.getBytes()));
  const dayNs = 86_400_000_000_000n;
  assert.deepEqual(rows, [
    [1_000n, '', dayNs, 123.45, 7n, 1.5],
    [2_000n, '', -dayNs, -0.05, null, null],
  ]);
  assert.deepEqual(
    batches.flatMap(({ faults }) => faults.map(({ line, column, code }) => [line, column, code])),
    [
      [3, 'time', 'TimeOutOfRange'],
      [4, 'big', 'InvalidNumber'],
    ],
  );
});

test('long texts make smaller chunks, the same wherever it begins', async () => {
  const data = Array.from({ length: 700 }, (_, i) => 'x'.repeat(60_000 + i));
  const columnData = [
    { name: 'time', type: 'INT64', data: data.map((_, i) => BigInt(i)) },
    { name: 'v', type: 'STRING', data },
  ];
  const bytes = new Uint8Array(parquetWriteBuffer({ columnData, rowGroupSize: 400 } as never));
  const starts = async (from: number): Promise<number[]> => {
    const found: number[] = [];
    const parquet = await ParquetFile.open(fileOf(bytes));
    for await (const { row } of parquet.chunks(from, table, {} as ImportParams)) found.push(row);
    return found;
  };
  const all = await starts(0);
  assert.ok(all.length >= 5, `${all.length} chunks`);
  assert.deepEqual(await starts(all[2]!), all.slice(2));
});

test('a damaged file never brings more than a message', async () => {
  const columnData = [
    {
      name: 'time',
      type: 'INT64',
      data: Array.from({ length: 300 }, (_, i) => BigInt(i)),
      encoding: 'DELTA_BINARY_PACKED',
    },
    { name: 'v', type: 'STRING', data: Array.from({ length: 300 }, (_, i) => `v${i % 7}`), nullable: true },
  ];
  const good = new Uint8Array(parquetWriteBuffer({ columnData, codec: 'UNCOMPRESSED', statistics: false } as never));
  for (let at = 0; at < good.length; at++) {
    const bytes = Uint8Array.from(good);
    bytes[at] = (bytes[at]! * 31 + 255) & 255;
    try {
      await read(bytes);
    } catch (error) {
      assert.ok(error instanceof Permanent, `byte ${at}: ${(error as Error).stack}`);
    }
  }
});
