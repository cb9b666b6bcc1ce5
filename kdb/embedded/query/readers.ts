import type { Run } from '../memory/run.ts';
import type { SeriesStore } from '../memory/series-store.ts';
import type { Source } from './source.ts';

/** The queries that run. What they began with stays in memory until they end, also when it is in parts by then. */
export class Readers {
  readonly #open = new Set<Source>();

  add(source: Source): void {
    this.#open.add(source);
  }

  remove(source: Source): void {
    this.#open.delete(source);
    source.close();
  }

  /** Bytes of rows that are kept for queries only. */
  heldBytes(series: readonly SeriesStore[]): number {
    if (this.#open.size === 0) return 0;
    const stored = new Set<unknown>(series.flatMap((one) => one.extents()));
    const held = new Set<Run>();
    for (const source of this.#open) for (const run of source.runs) if (!stored.has(run)) held.add(run);
    let bytes = 0;
    for (const run of held) bytes += run.bytes;
    return bytes;
  }
}
