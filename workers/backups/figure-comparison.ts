// Does a restored database answer as its source did? What was asked of the source before and after its files were taken is compared with
// what the copy answers. A day on which the source was written to in between has no one right answer: there the number of values must
// lie between the two.

import { compareNames } from '../../src/base/name-order.ts';
import type { DayFigures, FieldFigures } from './figures.ts';

const maxDifferences = 20;

export interface FigureComparison {
  /** Series and days, and those of them that changed while the backup was made. */
  readonly days: number;
  readonly changing: number;
  readonly different: number;
  /** The first of them. */
  readonly differences: readonly { readonly series: string; readonly day: string; readonly what: string }[];
}

type Days = AsyncIterable<DayFigures>;

/** All three by series, then by day. */
export async function compareFigures(before: Days, after: Days, restored: Days): Promise<FigureComparison> {
  let [days, changing, different] = [0, 0, 0];
  const differences: { series: string; day: string; what: string }[] = [];
  for await (const [old, young, copy] of together(before, after, restored)) {
    days++;
    const settled = JSON.stringify(old?.fields) === JSON.stringify(young?.fields);
    if (!settled) changing++;
    const what = settled ? difference(old?.fields ?? {}, copy?.fields ?? {}) : outside(old, young, copy);
    if (what === null) continue;
    different++;
    const { series, day } = (old ?? young ?? copy)!;
    if (differences.length < maxDifferences)
      differences.push({ series, day: new Date(day * 86_400_000).toISOString().slice(0, 10), what });
  }
  return { days, changing, different, differences };
}

type Fields = DayFigures['fields'];

function difference(source: Fields, copy: Fields): string | null {
  for (const name of new Set([...Object.keys(source), ...Object.keys(copy)])) {
    const [want, have] = [source[name], copy[name]];
    if (!want || !have) return `${name}: ${want?.[0] ?? 0} values in the source, ${have?.[0] ?? 0} in the copy`;
    if (want[0] !== have[0]) return `${name}: ${want[0]} values in the source, ${have[0]} in the copy`;
    if (want[2] !== have[2] || want[3] !== have[3])
      return `${name}: from ${want[2]} to ${want[3]} in the source, from ${have[2]} to ${have[3]} in the copy`;
    if (!sameSum(want, have)) return `${name}: the sum is ${want[1]} in the source, ${have[1]} in the copy`;
  }
  return null;
}

/** Floats are added in the order in which they lie on the volumes, so that their last bits differ: by at most 2^-53 of the largest partial sum per addition. */
function sameSum([count, want, min, max]: FieldFigures, [, have]: FieldFigures): boolean {
  if (typeof want !== 'number' || typeof have !== 'number') return want === have;
  const largest = Math.max(Math.abs(Number(min)), Math.abs(Number(max)));
  return Math.abs(want - have) <= count * count * largest * 2 ** -52;
}

function outside(
  before: DayFigures | undefined,
  after: DayFigures | undefined,
  copy: DayFigures | undefined,
): string | null {
  const count = (figures: DayFigures | undefined, name: string): number => figures?.fields[name]?.[0] ?? 0;
  const names = [before, after, copy].flatMap((figures) => Object.keys(figures?.fields ?? {}));
  for (const name of new Set(names)) {
    const [least, most] = [count(before, name), count(after, name)].sort((a, b) => a - b) as [number, number];
    const have = count(copy, name);
    if (have < least || have > most) return `${name}: ${least} to ${most} values in the source, ${have} in the copy`;
  }
  return null;
}

/** What the three have of each series and day. */
async function* together(...all: readonly Days[]): AsyncGenerator<readonly (DayFigures | undefined)[]> {
  const iterators = all.map((days) => days[Symbol.asyncIterator]());
  const heads = await Promise.all(iterators.map((each) => each.next()));
  for (;;) {
    const waiting = heads.flatMap(({ done, value }) => (done ? [] : [value as DayFigures]));
    if (waiting.length === 0) return;
    const first = waiting.reduce((a, b) => (isBefore(b, a) ? b : a));
    const row: (DayFigures | undefined)[] = [];
    for (const [i, { done, value }] of heads.entries()) {
      const here = !done && !isBefore(first, value as DayFigures);
      row.push(here ? (value as DayFigures) : undefined);
      if (here) heads[i] = await iterators[i]!.next();
    }
    yield row;
  }
}

function isBefore(a: DayFigures, b: DayFigures): boolean {
  return a.series === b.series ? a.day < b.day : compareNames(a.series, b.series) < 0;
}
