// Which tag sets have the first rows of a window: of a million with a row each, a page of raw points needs a thousand.
import type { Cursor } from '../../../src/kdb/engine.ts';
import { eraSpan, instantOf, offsetWithin } from '../memory/era.ts';
import { type Direction, segmentAt, type Window } from '../memory/row-cursor.ts';
import { firstAtLeast, type Run } from '../memory/run.ts';
import type { Pace } from '../pace.ts';

/** A look at each tag set pays where they are this many times the rows. */
const worthwhile = 4;

/** The tag sets (ascending) that the first `rows` rows behind `after` are of; rows are ordered by time, of one time by tag set. */
export async function withFirstRows(
  window: Window,
  ids: readonly number[],
  direction: Direction,
  after: Cursor | null,
  rows: number,
  pace: Pace,
): Promise<readonly number[]> {
  const runs = [...window.base, ...window.late];
  const firstEra = runs.reduce((least, { era }) => Math.min(least, era), Number.POSITIVE_INFINITY);
  // Distances from the first era are exact in two of them (104 days).
  if (ids.length < worthwhile * rows || runs.some(({ era }) => era > firstEra + 1)) return ids;
  const firsts = new Float64Array(ids.length).fill(Number.POSITIVE_INFINITY);
  for (const run of runs) await note(run, window, ids, direction, after, firstEra, firsts, pace);
  const least = firsts.filter((first) => first !== Number.POSITIVE_INFINITY);
  if (least.length <= rows) return ids.filter((_, i) => firsts[i] !== Number.POSITIVE_INFINITY);
  const limit = smallest(least, rows - 1);
  let ties = rows;
  for (const first of firsts) if (first < limit) ties--;
  return ids.filter((_, i) => firsts[i]! < limit || (firsts[i] === limit && ties-- > 0));
}

/** Lowers the first of each tag set to that of a run. Against the order of time they are negative. */
async function note(
  run: Run,
  window: Window,
  ids: readonly number[],
  direction: Direction,
  after: Cursor | null,
  firstEra: number,
  firsts: Float64Array,
  pace: Pace,
): Promise<void> {
  const from = offsetWithin(run.era, window.fromNs);
  const to = offsetWithin(run.era, window.toNs);
  if (from > run.maxOffset || to <= run.minOffset) return;
  const shift = (run.era - firstEra) * eraSpan;
  const given = after && instantOf(after.timeNs);
  const givenAt = given ? (given.era - run.era) * eraSpan + given.offset : Number.NaN;
  let at = firstAtLeast(ids, run.ids[0]!);
  for (let position = 0; position < run.ids.length && at < ids.length; position++) {
    if ((position & 1023) === 1023 && pace.isDue) await pace.rest();
    const id = run.ids[position]!;
    while (at < ids.length && ids[at]! < id) at++;
    const segment = ids[at] === id ? segmentAt(run, position, from, to) : null;
    if (!segment) continue;
    let row = direction > 0 ? segment.start : segment.end - 1;
    if (after && run.times[row] === givenAt && id <= after.id) row += direction;
    if (row < segment.start || row >= segment.end) continue;
    const first = direction * (run.times[row]! + shift);
    if (first < firsts[at]!) firsts[at] = first;
  }
}

/** The value that `rank` others are not above; reorders the values. */
function smallest(values: Float64Array, rank: number): number {
  let low = 0;
  let high = values.length - 1;
  while (low < high) {
    const pivot = values[(low + high) >> 1]!;
    let i = low;
    let j = high;
    while (i <= j) {
      while (values[i]! < pivot) i++;
      while (values[j]! > pivot) j--;
      if (i > j) break;
      [values[i], values[j]] = [values[j]!, values[i]!];
      i++;
      j--;
    }
    if (rank <= j) high = j;
    else if (rank >= i) low = i;
    else break;
  }
  return values[rank]!;
}
