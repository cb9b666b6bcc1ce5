// How wide a bucket is: 500ms, 5m, 1d, 3mo, 1y. Months and years have no fixed length, and in a time zone neither have days and weeks.

import { type TimeUnit, unitNs } from '../base/time.ts';
import { memberFault, SpecFault } from './fault.ts';

export type BucketWidth =
  | { readonly unit: 'ns'; readonly count: bigint }
  /** Calendar days. */
  | { readonly unit: 'day'; readonly count: number }
  | { readonly unit: 'month'; readonly count: number };

/** 30 years: the bucket of the earliest time, 1707, still starts after -2^63 ns. */
export const maxWidthNs = 946_684_800n * unitNs.s;
const maxDays = 10_957;
const maxMonths = 360;

const form = 'a width like 500ms, 5m, 1d, 3mo or 1y, at most 30 years';

/** Weeks begin on Mondays, as days since 1970-01-01. */
export const mondayDay = 4;

export function parseWidth(text: string, path: string): BucketWidth {
  const [, digits, unit] = /^([1-9]\d{0,18})(ns|us|ms|s|m|h|d|w|mo|y)$/.exec(text) ?? [];
  if (digits === undefined) throw memberFault(path, text, form);
  const count = BigInt(digits);
  const width = inUnits(count, unit as TimeUnit | 'mo' | 'y');
  const max = { ns: maxWidthNs, day: BigInt(maxDays), month: BigInt(maxMonths) }[width.unit];
  if (BigInt(width.count) > max) throw memberFault(path, text, form);
  return width;
}

function inUnits(count: bigint, unit: TimeUnit | 'mo' | 'y'): BucketWidth {
  if (unit === 'mo') return { unit: 'month', count: Number(count) };
  if (unit === 'y') return { unit: 'month', count: 12 * Number(count) };
  if (unit === 'd') return { unit: 'day', count: Number(count) };
  if (unit === 'w') return { unit: 'day', count: 7 * Number(count) };
  return { unit: 'ns', count: count * unitNs[unit] };
}

/** 6h, -30m; days are 24 h here. */
export function parseOffset(text: string, path: string): bigint {
  const [, sign, digits, unit] = /^(-?)(\d{1,18})(ns|us|ms|s|m|h|d|w)$/.exec(text) ?? [];
  if (digits === undefined) throw memberFault(path, text, 'a span like 6h or -30m');
  const ns = BigInt(digits) * unitNs[unit as TimeUnit];
  if (ns > maxWidthNs) throw new SpecFault(path, 'is longer than 30 years');
  return sign ? -ns : ns;
}

/** Widths that read well, each at most about twice the one before. */
const niceNs: readonly bigint[] = [
  ...[0n, 3n, 6n].flatMap((power) => [1n, 2n, 5n, 10n, 20n, 50n, 100n, 200n, 500n].map((n) => n * 10n ** power)),
  ...[1n, 2n, 5n, 10n, 15n, 30n].map((n) => n * unitNs.s),
  ...[1n, 2n, 5n, 10n, 15n, 30n].map((n) => n * unitNs.m),
  ...[1n, 2n, 3n, 6n, 12n].map((n) => n * unitNs.h),
  ...[1n, 2n, 5n, 10n, 20n, 50n, 100n, 200n, 365n, 730n, 1_825n, 3_650n].map((n) => n * unitNs.d),
];

/** The least of them that gives no more than so many buckets; for one or two over all of time, the widest. */
export function widthForPoints(spanNs: bigint, points: number): bigint {
  return niceNs.find((widthNs) => widthNs * BigInt(points) >= spanNs) ?? niceNs.at(-1)!;
}
