// Buckets without points, added to every group; and what their cells hold. Cells that are null because a field was not given are filled as well.

import { apiError } from '../base/errors.ts';
import { floorDiv } from '../base/time.ts';
import type { Bucket, Column, QueryResult } from '../kdb/engine.ts';
import { memberFault, SpecFault } from './fault.ts';
import { maxRows } from './parameter-schema.ts';
import type { Constant, Fill } from './request.ts';
import { type Group, groupsOf, isNull, take, timesOf } from './rows.ts';

export interface FillRange {
  /** From here on, up to there; null: from the first bucket in the result, or to the last. */
  readonly fromNs: bigint | null;
  readonly toNs: bigint | null;
}

export function fillBuckets(
  result: QueryResult,
  fill: Exclude<Fill, 'none'>,
  bucket: Bucket,
  range: FillRange,
  descending: boolean,
): QueryResult {
  if (result.rows === 0) return result;
  const times = timesOf(result)!;
  const starts = bucketStarts(bucket, times, range);
  if (descending) starts.reverse();
  const groups = groupsOf(result);
  const rows = groups.length * starts.length;
  if (rows > maxRows) throw apiError('ResultTooLarge', { limit: maxRows });
  const sources = new Int32Array(rows).fill(-1);
  const firsts = new Int32Array(rows);
  const filledTimes = new BigInt64Array(rows);
  for (const [number, { start, end }] of groups.entries()) {
    const at = number * starts.length;
    filledTimes.set(starts, at);
    firsts.fill(start, at, at + starts.length);
    for (let i = 0, row = start; row < end; i++) if (starts[i] === times[row]) sources[at + i] = row++;
  }
  const filled = groups.map((_, number) => ({ start: number * starts.length, end: (number + 1) * starts.length }));
  const columns = result.columns.map((column): Column => {
    if (column.kind === 'time') return { ...column, values: filledTimes };
    if (column.kind === 'tag') return take(column, firsts);
    if (fill === 'previous') return take(column, withPrevious(column, sources, filled, descending));
    const spread = take(column, sources);
    if (fill === 'linear') return withLines(spread, filledTimes, filled);
    return fill === 'null' ? spread : withValue(spread, fill.value);
  });
  return { columns, rows, next: null };
}

function bucketStarts(bucket: Bucket, times: BigInt64Array, { fromNs, toNs }: FillRange): BigInt64Array {
  const ends = [times[0]!, times[0]!] as [bigint, bigint];
  for (const time of times) {
    if (time < ends[0]) ends[0] = time;
    if (time > ends[1]) ends[1] = time;
  }
  if (bucket.kind === 'edges') {
    const { edgesNs } = bucket;
    const first = fromNs === null ? edgesNs.indexOf(ends[0]) : 0;
    const end = toNs === null ? edgesNs.indexOf(ends[1]) + 1 : edgesNs.length - 1;
    return edgesNs.slice(first, end);
  }
  const { widthNs, originNs } = bucket;
  const startOf = (timeNs: bigint): bigint => floorDiv(timeNs - originNs, widthNs) * widthNs + originNs;
  const first = fromNs === null ? ends[0] : startOf(fromNs);
  const last = toNs === null ? ends[1] : startOf(toNs - 1n);
  const count = (last - first) / widthNs + 1n;
  if (count > BigInt(maxRows)) throw apiError('ResultTooLarge', { limit: maxRows });
  return BigInt64Array.from({ length: Number(count) }, (_, i) => first + BigInt(i) * widthNs);
}

/** For each cell the row that it is taken from. */
function withPrevious(column: Column, sources: Int32Array, groups: readonly Group[], descending: boolean): Int32Array {
  const none = isNull(column);
  const rows = new Int32Array(sources.length);
  for (const { start, end } of groups) {
    let last = -1;
    for (let i = 0; i < end - start; i++) {
      const at = descending ? end - 1 - i : start + i;
      if (sources[at]! >= 0 && !none(sources[at]!)) last = sources[at]!;
      rows[at] = last;
    }
  }
  return rows;
}

/** Between two values, by time; integers to the nearest one. Before the first and after the last there is no line. */
function withLines(column: Column, times: BigInt64Array, groups: readonly Group[]): Column {
  if (column.kind !== 'float' && column.kind !== 'long')
    throw new SpecFault('fill', `linear does not work on column ${column.name}, which is ${column.kind}`);
  const none = isNull(column);
  for (const { start, end } of groups) {
    let known = -1;
    for (let row = start; row < end; row++) {
      if (none(row)) continue;
      if (known >= 0)
        for (let between = known + 1; between < row; between++) drawLine(column, times, known, between, row);
      known = row;
    }
  }
  return column;
}

function drawLine(
  column: Extract<Column, { kind: 'float' | 'long' }>,
  times: BigInt64Array,
  left: number,
  at: number,
  right: number,
): void {
  const passed = times[at]! - times[left]!;
  const span = times[right]! - times[left]!;
  if (column.kind === 'float') {
    const share = Number(passed) / Number(span);
    column.values[at] = column.values[left]! * (1 - share) + column.values[right]! * share;
  } else {
    const rise = (column.values[right]! - column.values[left]!) * passed;
    // Half up.
    column.values[at] = column.values[left]! + floorDiv(2n * rise * sign(span) + abs(span), 2n * abs(span));
  }
}

function abs(value: bigint): bigint {
  return value < 0n ? -value : value;
}

function sign(value: bigint): bigint {
  return value < 0n ? -1n : 1n;
}

function withValue(column: Column, given: Constant): Column {
  const none = isNull(column);
  const refuse = (expected: string): Error =>
    memberFault('fill.value', String(given), `${expected}, for column ${column.name}`);
  const set = <Value>(values: { length: number; [row: number]: Value }, value: Value): void => {
    for (let row = 0; row < values.length; row++) if (none(row)) values[row] = value;
  };
  switch (column.kind) {
    case 'float': {
      const value = typeof given === 'boolean' ? Number.NaN : Number(given === '' ? Number.NaN : given);
      if (!Number.isFinite(value)) throw refuse('a number');
      set(column.values, value);
      return column;
    }
    case 'long': {
      if (typeof given === 'string' ? !/^-?\d{1,18}$/.test(given) : !Number.isSafeInteger(given))
        throw refuse('an integer');
      set(column.values, BigInt(given as string | number));
      return column;
    }
    case 'boolean':
      if (typeof given !== 'boolean') throw refuse('true or false');
      set(column.values, given ? 1 : 0);
      return column;
    case 'string':
      if (typeof given !== 'string') throw refuse('text');
      return filledStrings(column, Buffer.from(given), none);
    default:
      return column;
  }
}

/** The text stands behind the others, and is taken from there. */
function filledStrings(
  column: Extract<Column, { kind: 'string' }>,
  text: Uint8Array,
  none: (row: number) => boolean,
): Column {
  const { lengths, bytes } = column.values;
  const longer: Column = {
    ...column,
    validity: null,
    values: { lengths: Int32Array.of(...lengths, text.length), bytes: Buffer.concat([bytes, text]) },
  };
  return take(
    longer,
    Int32Array.from(lengths, (_, row) => (none(row) ? lengths.length : row)),
  );
}
