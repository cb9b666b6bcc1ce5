import { apiError } from '../base/errors.ts';
import {
  endOfTimeNs,
  formatIsoNs,
  minTimeNs,
  parseDecimalNs,
  parseIsoNs,
  type TimeUnit,
  unitNs,
} from '../base/time.ts';

export interface TimeRange {
  readonly fromNs: bigint;
  /** Exclusive. */
  readonly toNs: bigint;
}

/** [from, until): all of time where they are not given. Both spans of a request are taken from the one `nowNs`. */
export function parseTimeRange(from: string | undefined, until: string | undefined, nowNs: bigint): TimeRange {
  const fromNs = from === undefined ? minTimeNs : parseTime('from', from, nowNs);
  const toNs = until === undefined ? endOfTimeNs : parseTime('until', until, nowNs);
  if (fromNs >= toNs) throw apiError('InvalidRange', { from: formatIsoNs(fromNs), until: formatIsoNs(toNs) });
  return { fromNs, toNs };
}

/** `parameter` is for the error. */
export function parseTime(parameter: string, text: string, nowNs: bigint): bigint {
  const timeNs = text === 'now' ? nowNs : (parseNumber(text, nowNs) ?? parseIsoNs(restorePlus(text)));
  if (timeNs === undefined) throw apiError('InvalidTime', { parameter, value: text });
  // Not clamped: it is most often milliseconds given as seconds, and an empty result would hide that.
  if (timeNs < minTimeNs || timeNs > endOfTimeNs) {
    throw apiError('TimeOutOfRange', { timeNs: String(timeNs) }, { extra: { details: [{ parameter, value: text }] } });
  }
  return timeNs;
}

/** `1700000000.5` and `-86400` are seconds since 1970, `1700000000500ms` has its own unit; a sign and a unit make a span before now: `-28d`. */
function parseNumber(text: string, nowNs: bigint): bigint | undefined {
  const m = /^(-?)([0-9.]+)(ns|us|ms|s|m|h|d|w)?$/.exec(text);
  if (!m) return undefined;
  const [, sign, number, unit] = m as unknown as [string, string, string, TimeUnit | undefined];
  const ns = parseDecimalNs(number, unitNs[unit ?? 's']);
  if (ns === undefined) return undefined;
  if (unit === undefined) return sign ? -ns : ns;
  if (sign) return nowNs - ns;
  return unitNs[unit] <= unitNs.s ? ns : undefined;
}

/** A plus that was not escaped in the URL arrives as a space: 2024-01-01T00:00:00 02:00. */
function restorePlus(text: string): string {
  return text.replace(/(:\d\d(?:\.\d+)?) (\d\d(?::?\d\d)?)$/, '$1+$2');
}
