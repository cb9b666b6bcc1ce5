// Does the copy answer as the database does, while neither is written to?

import { isDeepStrictEqual } from 'node:util';
import type { RepeatsData } from '../../src/base/log.ts';
import type { Engine, SeriesInfo } from '../../src/kdb/engine.ts';
import { compareFigures } from '../backups/figure-comparison.ts';
import { allSeries, type DayFigures, figuresOf } from '../backups/figures.ts';

export interface Verified {
  readonly series: number;
  readonly rows: number;
  /** Days of series whose counts, sums, least and greatest values were compared. The rest is only what its checksums say. */
  readonly days: number;
}

/** The copy is not what it is a copy of. */
export class CopyDiffers extends Error implements RepeatsData {
  readonly repeatsData = true;
}

/** Every series and its tag sets; and of as many days as there is time for, what their fields hold. */
export async function verifyCopy(
  source: Engine,
  copy: Engine,
  { untilMs, signal }: { readonly untilMs: number; readonly signal: AbortSignal },
): Promise<Verified> {
  const [wanted, found] = await Promise.all([Array.fromAsync(allSeries(source)), Array.fromAsync(allSeries(copy))]);
  if (wanted.length !== found.length)
    throw new CopyDiffers(`the copy has ${found.length} series instead of ${wanted.length}`);
  for (const [i, info] of wanted.entries()) {
    if (!isDeepStrictEqual(known(info), known(found[i]!)))
      throw new CopyDiffers(`series ${info.series} of the copy is not as it should be`);
  }
  const inTime = (engine: Engine): AsyncGenerator<DayFigures> => untilThen(figuresOf(engine, signal), untilMs);
  const asked = await Array.fromAsync(inTime(source));
  const answered = figuresOf(copy, signal);
  const { different, differences, days } = await compareFigures(
    listed(asked),
    listed(asked),
    firstOf(answered, asked.length),
  );
  if (different > 0) {
    const { series, day, what } = differences[0]!;
    throw new CopyDiffers(`the copy differs in ${different} days, first in ${series} on ${day}: ${what}`);
  }
  return { series: wanted.length, rows: wanted.reduce((sum, { rows }) => sum + Number(rows), 0), days };
}

/** An overwritten point counts twice until both have written it into parts, and what is late lies elsewhere: rows are compared by day. */
function known({ series, tags, fields, tagSets, firstNs, lastNs }: SeriesInfo): unknown {
  return { series, tags, fields, tagSets, firstNs, lastNs };
}

async function* untilThen<T>(all: AsyncGenerator<T>, untilMs: number): AsyncGenerator<T> {
  for await (const one of all) {
    yield one;
    if (performance.now() > untilMs) return;
  }
}

async function* firstOf<T>(all: AsyncGenerator<T>, count: number): AsyncGenerator<T> {
  if (count === 0) return;
  let given = 0;
  for await (const one of all) {
    yield one;
    if (++given === count) return;
  }
}

async function* listed<T>(all: readonly T[]): AsyncGenerator<T> {
  yield* all;
}
