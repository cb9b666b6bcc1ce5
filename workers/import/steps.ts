import { AllowedTimes } from '../../src/ingest/allowed-times.ts';
import type { Batch } from '../../src/ingest/batch.ts';
import type { ImportParams } from '../../src/ingest/import.ts';
import type { Position } from './chunks.ts';
import type { Plan } from './plan.ts';
import type { SourceFile } from './source-file.ts';
import { decodedChunks, noSection, type Section } from './text-import.ts';

/** What can be written, and where the file is after it. */
export interface Step {
  readonly firstLine: number;
  /** As read; null where there are no lines. */
  readonly bytes: Uint8Array | null;
  readonly batch: Batch;
  readonly next: Position;
  readonly section: Section;
  readonly progress: { readonly done: number; readonly total: number; readonly unit: 'rows' | 'bytes' };
}

export interface StepsFrom {
  readonly position: Position;
  readonly section: Section;
  /** The time of points that give none. */
  readonly nowNs: bigint;
}

export async function* stepsOf(
  file: SourceFile,
  plan: Plan,
  params: ImportParams,
  { position, section, nowNs }: StepsFrom,
): AsyncGenerator<Step> {
  const times = plan.times && new AllowedTimes(plan.times, nowNs);
  if (plan.format === 'parquet') {
    // Loaded where it is needed: it brings decompressors of its own.
    const { ParquetFile } = await import('./parquet/file.ts');
    const parquet = await ParquetFile.open(file);
    let { chunk } = position;
    for await (const { row, rows, batch } of parquet.chunks(position.offset, plan.table!, params, times)) {
      const next = { offset: row + rows, line: row + rows + 1, chunk: ++chunk };
      const progress = { done: next.offset, total: parquet.rows, unit: 'rows' } as const;
      yield { firstLine: row + 1, bytes: null, batch, next, section: noSection, progress };
    }
    return;
  }
  for await (const { chunk, batch, section: after } of decodedChunks(file, plan, params, {
    from: position,
    section,
    nowNs,
    times,
  })) {
    const progress = { done: file.consumed, total: file.bytes, unit: 'bytes' } as const;
    yield { firstLine: chunk.at.line, bytes: chunk.bytes, batch, next: chunk.next, section: after, progress };
  }
}
