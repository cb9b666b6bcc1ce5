import type { FrameSink } from '../../kdb/embedded/wire/answers.ts';
import type { Engine, Hello, InsertBatch, InsertReceipt, QueryResult, SeriesInfo } from '../../src/kdb/engine.ts';
import type { EngineError } from '../../src/kdb/engine-error.ts';

export const stubHello: Hello = {
  contract: 1,
  engine: 'stub',
  schema: 'flexible',
  // Past 2^53: a double would lose the last digit.
  catalogueVersion: 9_007_199_254_740_993n,
  maxTagSets: 1_000_000n,
};

export const noRows: QueryResult = { columns: [], rows: 0, next: null };

function points(batch: InsertBatch): bigint {
  return BigInt(batch.parts.reduce((sum, part) => sum + part.row.length, 0));
}

/** An engine that stores nothing and answers every call; a test replaces the methods it is about. */
export function stubEngine(methods: Partial<Engine & FrameSink> = {}): Engine & FrameSink {
  let offset = 0n;
  const receipt = (batch: InsertBatch): InsertReceipt => ({
    rows: points(batch),
    late: 0n,
    catalogueVersion: 1n,
    generation: 1n,
    offset: offset++,
  });
  const info = (series: string): SeriesInfo => ({
    series,
    tags: [],
    fields: [],
    tagSets: 0n,
    firstNs: null,
    lastNs: null,
    rows: 0n,
  });
  return {
    hello: async () => stubHello,
    define: async (definition) => ({ ...info(definition.series), ...definition }),
    drop: async () => {},
    describe: async (series) => info(series),
    insert: async (batch) => receipt(batch),
    insertFrame: async (batches): Promise<readonly (InsertReceipt | EngineError)[]> => batches.map(receipt),
    query: async () => noRows,
    explain: async () => ({
      rows: 0n,
      parts: 0n,
      bytesPerVolume: BigInt64Array.of(0n),
      bytesCached: 0n,
      hotRows: 0n,
      lateRows: 0n,
      readNs: 0n,
      totalNs: 0n,
    }),
    latest: async () => noRows,
    asof: async () => noRows,
    tags: async () => [],
    series: async () => ({ series: [], next: null }),
    stats: async () => ({
      bytesPerVolume: BigInt64Array.of(0n),
      journalBytes: 0n,
      hotRows: 0n,
      lateRows: 0n,
      parts: 0n,
      journalEnd: { generation: 3n, offset: 77n },
      checkpointNs: null,
    }),
    delete: async () => 0n,
    retain: async () => 0n,
    compact: async () => ({ parts: 0n, into: 0n, bytesBefore: 0n, bytesAfter: 0n, left: 0n }),
    checkpoint: async () => {},
    backup: async () => [],
    tail: async ({ generation, offset: from }) => ({ points: [], generation, offset: from }),
    ...methods,
  };
}
