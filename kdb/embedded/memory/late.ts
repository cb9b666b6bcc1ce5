// Late rows of one series: points that may have been given before, in a sealed block or in a part (series-store.ts says which). They stand beside
// those as runs, newest run last; where times are equal the fields of a later run win. Checkpoints fold them into parts.
import type { FieldDefinition } from '../../../src/kdb/engine.ts';
import { OpenBlock } from './open-block.ts';
import type { Extent, Run } from './run.ts';
import { RunBuilder } from './run-builder.ts';

/** Merging takes about a tenth of a microsecond a value, and a query or an insert waits for it. */
const maxMergedValues = 1 << 18;

export class LateRows {
  /** Per era: rows that came since the last look. */
  readonly #tails = new Map<number, OpenBlock>();
  /** Per era: oldest first, each at least twice as long as the next. */
  readonly #runs = new Map<number, Run[]>();
  /** Being folded by a checkpoint: not to be merged with others. */
  readonly #frozen = new Set<Run>();

  get rows(): number {
    let rows = 0;
    for (const tail of this.#tails.values()) rows += tail.rows;
    for (const runs of this.#runs.values()) for (const run of runs) rows += run.rows;
    return rows;
  }

  get bytes(): number {
    let bytes = 0;
    for (const tail of this.#tails.values()) bytes += tail.bytes;
    for (const runs of this.#runs.values()) for (const run of runs) bytes += run.bytes;
    return bytes;
  }

  extents(): readonly Extent[] {
    return [...[...this.#tails.values()].filter((tail) => tail.rows > 0), ...[...this.#runs.values()].flat()];
  }

  /** The tail that takes the next row of an era. */
  tail(era: number, fields: readonly FieldDefinition[]): OpenBlock {
    let tail = this.#tails.get(era);
    if (tail && tail.room === 0) {
      this.#resolve(tail, fields);
      tail = undefined;
    }
    if (!tail) {
      tail = new OpenBlock(era);
      this.#tails.set(era, tail);
    }
    return tail;
  }

  /** All late rows, per era the oldest run first. */
  runs(fields: readonly FieldDefinition[]): readonly Run[] {
    for (const tail of this.#tails.values()) this.#resolve(tail, fields);
    return [...this.#runs.values()].flat();
  }

  freeze(fields: readonly FieldDefinition[]): readonly Run[] {
    const runs = this.runs(fields);
    for (const run of runs) this.#frozen.add(run);
    return runs;
  }

  unfreeze(): void {
    this.#frozen.clear();
  }

  /** Puts other runs in the place of some (none: they are folded or deleted). */
  replace(change: (run: Run) => Run | null): void {
    for (const [era, runs] of this.#runs) {
      const kept = runs.map(change).filter((run) => run !== null);
      if (kept.length > 0) this.#runs.set(era, kept);
      else this.#runs.delete(era);
    }
  }

  #resolve(tail: OpenBlock, fields: readonly FieldDefinition[]): void {
    this.#tails.delete(tail.era);
    const runs = this.#runs.get(tail.era) ?? [];
    this.#runs.set(tail.era, runs);
    runs.push(tail.seal());
    for (let last = runs.length - 1; last > 0; last--) {
      const older = runs[last - 1]!;
      const newer = runs[last]!;
      const values = (older.rows + newer.rows) * Math.max(older.columns.length, newer.columns.length);
      if (older.rows >= 2 * newer.rows || values > maxMergedValues || this.#frozen.has(older)) break;
      runs.splice(last - 1, 2, mergedRun(older, newer, fields));
    }
  }
}

function mergedRun(older: Run, newer: Run, fields: readonly FieldDefinition[]): Run {
  const builder = new RunBuilder(older.era, fields, older.rows + newer.rows);
  let a = 0;
  let b = 0;
  while (a < older.ids.length || b < newer.ids.length) {
    const idA = older.ids[a] ?? Number.POSITIVE_INFINITY;
    const idB = newer.ids[b] ?? Number.POSITIVE_INFINITY;
    const id = Math.min(idA, idB);
    let rowA = idA === id ? older.starts[a]! : 0;
    let rowB = idB === id ? newer.starts[b]! : 0;
    const endA = idA === id ? older.starts[++a]! : 0;
    const endB = idB === id ? newer.starts[++b]! : 0;
    while (rowA < endA || rowB < endB) {
      // Of equal times the older goes first, so that the newer overwrites it.
      if (rowB >= endB || (rowA < endA && older.times[rowA]! <= newer.times[rowB]!))
        builder.put(id, older.times[rowA]!, older.columns, rowA++);
      else builder.put(id, newer.times[rowB]!, newer.columns, rowB++);
    }
  }
  return builder.build();
}
