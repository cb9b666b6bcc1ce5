import type { InsertPart, TailResult, TailSpec } from '../../../src/kdb/engine.ts';
import { EngineError } from '../../../src/kdb/engine-error.ts';
import type { Journal } from './journal.ts';
import { acceptedBatches } from './journal-record.ts';

const readBytes = 1 << 20;

/** Points of a series in the order of the journal, in whole records: at least one record, more while there is room. A negative generation asks for where the journal ends. */
export async function readTail(
  journal: Journal,
  { series, generation, offset, maxRows }: TailSpec,
): Promise<TailResult> {
  if (generation < 0n) return result([], journal.position);
  let position = { generation: Number(generation), offset: Number(offset) };
  const points: InsertPart[] = [];
  let rows = 0;
  for (;;) {
    const read = await journal.read(position, readBytes);
    if (!read) throw new EngineError('CursorGone', String(generation));
    for (const record of read.records) {
      const own =
        record.kind === 'insert'
          ? acceptedBatches(record).flatMap(({ parts }) => parts.filter((part) => part.series === series))
          : [];
      const count = own.reduce((sum, part) => sum + part.row.length, 0);
      if (rows > 0 && rows + count > maxRows) return result(points, position);
      points.push(...own);
      rows += count;
      position = { generation: read.next.generation, offset: record.end };
    }
    const isEnd = read.records.length === 0;
    position = isEnd ? read.next : position;
    if (isEnd || rows >= maxRows) return result(points, position);
  }
}

function result(
  points: readonly InsertPart[],
  { generation, offset }: { generation: number; offset: number },
): TailResult {
  return { points, generation: BigInt(generation), offset: BigInt(offset) };
}
