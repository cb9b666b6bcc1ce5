// Where the buckets of a calendar begin. A day, and a month, begins when its midnight (or its offset) comes for the first time: on the days on which clocks
// are changed that is 23 or 25 hours. Buckets shorter than a day begin whenever the clock shows a multiple of the width, or jumps over one: an hour that
// comes twice is two buckets.

import { apiError } from '../base/errors.ts';
import { endOfTimeNs, floorDiv } from '../base/time.ts';
import { type BucketWidth, mondayDay } from './bucket-width.ts';
import { type OffsetPeriod, TimeZone } from './time-zone.ts';

/** As many as 270 years have days. */
export const maxEdges = 100_000;

const secondNs = 1_000_000_000n;
const dayNs = 86_400n * secondNs;
/** Of what no time is before. */
const earliestNs = -(2n ** 63n) + 1n;

interface Range {
  readonly fromNs: bigint;
  readonly toNs: bigint;
}

/** The first edge is at or before the range, the last one at or behind its end. */
export function bucketEdges(width: BucketWidth, zone: string, offsetNs: bigint, range: Range): BigInt64Array {
  const periods = periodsOf(zone, range, width);
  const edges =
    width.unit === 'ns'
      ? clockEdges(width.count, offsetNs, periods, range)
      : dateEdges(width, offsetNs, periods, range);
  return BigInt64Array.from(edges, clamped);
}

interface Period {
  readonly fromNs: bigint;
  readonly toNs: bigint;
  readonly offsetNs: bigint;
}

/** Of a range that reaches a bucket farther on both sides. */
function periodsOf(zone: string, { fromNs, toNs }: Range, width: BucketWidth): Period[] {
  const marginNs =
    width.unit === 'ns' ? width.count : BigInt(width.count) * dayNs * (width.unit === 'month' ? 31n : 1n);
  const [firstS, lastS] = [fromNs - marginNs - 2n * dayNs, toNs + marginNs + 2n * dayNs].map((ns) =>
    Number(floorDiv(ns, secondNs)),
  );
  const found: OffsetPeriod[] =
    zone === 'UTC' ? [{ fromS: firstS!, offsetS: 0 }] : new TimeZone(zone).periods(firstS!, lastS!);
  return found.map(({ fromS, offsetS }, i) => ({
    fromNs: BigInt(fromS) * secondNs,
    toNs: BigInt(found[i + 1]?.fromS ?? lastS!) * secondNs,
    offsetNs: BigInt(offsetS) * secondNs,
  }));
}

function clockEdges(widthNs: bigint, shiftNs: bigint, periods: readonly Period[], range: Range): bigint[] {
  const edges = new Edges(range);
  let shownNs: bigint | undefined;
  for (const { fromNs, toNs, offsetNs } of periods) {
    const begin = fromNs + offsetNs - shiftNs;
    const first = -floorDiv(-begin, widthNs) * widthNs;
    // The clock has jumped over one.
    if (shownNs !== undefined && first > begin && first - widthNs >= shownNs) edges.add(fromNs);
    const skipped = (range.fromNs - fromNs) / widthNs - 1n;
    const start = first + (skipped > 0n ? skipped * widthNs : 0n);
    for (let local = start; local < toNs + offsetNs - shiftNs && !edges.isFull; local += widthNs)
      edges.add(local + shiftNs - offsetNs);
    shownNs = toNs + offsetNs - shiftNs;
  }
  return edges.all;
}

function dateEdges(
  { unit, count }: Exclude<BucketWidth, { unit: 'ns' }>,
  shiftNs: bigint,
  periods: readonly Period[],
  range: Range,
): bigint[] {
  const edges = new Edges(range);
  const { fromNs, offsetNs } = periods[0]!;
  const firstDay = Number(floorDiv(fromNs + offsetNs - shiftNs, dayNs));
  let number =
    unit === 'day' ? Math.floor((firstDay - originDay(count)) / count) : Math.floor(monthOf(firstDay) / count);
  let at = 0;
  for (; !edges.isFull; number++) {
    const day = unit === 'day' ? originDay(count) + number * count : dayOfMonth(number * count);
    const local = BigInt(day) * dayNs + shiftNs;
    // The first moment at which the clock shows the date, or a later one.
    while (at + 1 < periods.length && local >= periods[at]!.toNs + periods[at]!.offsetNs) at++;
    const { fromNs: beginNs, offsetNs: offset } = periods[at]!;
    const instant = local - offset;
    edges.add(instant < beginNs ? beginNs : instant);
  }
  return edges.all;
}

/** Whole weeks begin on Mondays, all else is counted from 1970. */
function originDay(count: number): number {
  return count % 7 === 0 ? mondayDay : 0;
}

function monthOf(day: number): number {
  const date = new Date(day * 86_400_000);
  return (date.getUTCFullYear() - 1970) * 12 + date.getUTCMonth();
}

function dayOfMonth(month: number): number {
  return Date.UTC(1970, month, 1) / 86_400_000;
}

/** Ascending edges about a range; only the last one before it is kept. */
class Edges {
  readonly all: bigint[] = [];
  readonly #range: Range;

  constructor(range: Range) {
    this.#range = range;
  }

  get isFull(): boolean {
    return this.all.length > 1 && this.all.at(-1)! >= this.#range.toNs;
  }

  add(edgeNs: bigint): void {
    const last = this.all.at(-1);
    if (this.isFull || (last !== undefined && edgeNs <= last)) return;
    if (this.all.length === 1 && edgeNs <= this.#range.fromNs) this.all.pop();
    this.all.push(edgeNs);
    if (this.all.length > maxEdges) throw apiError('TooManyBuckets', { limit: maxEdges });
  }
}

function clamped(edgeNs: bigint): bigint {
  return edgeNs < earliestNs ? earliestNs : edgeNs > endOfTimeNs ? endOfTimeNs : edgeNs;
}
