// Time is a bigint of nanoseconds since 1970 everywhere; text is made and read here only.

/** int64 minus the two values that q reads as null and infinity: 1707-09-22T00:12:43.145224194Z … 2262-04-11T23:47:16.854775806Z since 1970. */
export const minTimeNs = -(2n ** 63n) + 2n + 946_684_800_000_000_000n;
export const maxTimeNs = 2n ** 63n - 2n;
/** The end of a range that leaves nothing out: ranges are [from, until). */
export const endOfTimeNs = maxTimeNs + 1n;

export const unitNs = {
  ns: 1n,
  us: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
  d: 86_400_000_000_000n,
  w: 604_800_000_000_000n,
} as const;
export type TimeUnit = keyof typeof unitNs;

const iso = /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(Z|[+-]\d\d(?::?\d\d)?)?)?$/;

/**
 * ISO 8601 with up to 9 fractional digits; without a zone it is UTC. Undefined when it is no such time.
 * Years 0100 to 9999 are read, so the result can lie outside minTimeNs … maxTimeNs: whoever stores it checks.
 */
export function parseIsoNs(text: string): bigint | undefined {
  const m = iso.exec(text);
  if (!m) return undefined;
  const [, year, month, day, hour = '0', minute = '0', second = '0', fraction = '', zone = 'Z'] =
    m as unknown as string[];
  const ms = Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second));
  const date = new Date(ms);
  // Date.UTC rolls 2024-02-30 over to March, and maps years below 100 to 19xx.
  if (
    date.getUTCFullYear() !== Number(year) ||
    date.getUTCMonth() !== Number(month) - 1 ||
    date.getUTCDate() !== Number(day)
  )
    return undefined;
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return undefined;
  let offsetMinutes = 0;
  if (zone !== 'Z') {
    const zoneHours = Number(zone.slice(1, 3));
    const zoneMinutes = zone.length > 3 ? Number(zone.slice(-2)) : 0;
    if (zoneHours > 23 || zoneMinutes > 59) return undefined;
    offsetMinutes = (zone[0] === '-' ? -1 : 1) * (zoneHours * 60 + zoneMinutes);
  }
  return BigInt(ms - offsetMinutes * 60_000) * 1_000_000n + BigInt(fraction.padEnd(9, '0'));
}

/** ISO 8601 in UTC with as many fractional digits as the value needs: none, 3, 6 or 9. */
export function formatIsoNs(timeNs: bigint): string {
  const fractionNs = ((timeNs % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
  const whole = new Date(Number((timeNs - fractionNs) / 1_000_000n)).toISOString().slice(0, 19);
  if (fractionNs === 0n) return `${whole}Z`;
  const digits = fractionNs.toString().padStart(9, '0');
  const shown = digits.endsWith('000000') ? 3 : digits.endsWith('000') ? 6 : 9;
  return `${whole}.${digits.slice(0, shown)}Z`;
}

/** A decimal number of a unit, as nanoseconds: exact, so undefined when it is no plain decimal or has a part below 1 ns. */
export function parseDecimalNs(text: string, unit: bigint): bigint | undefined {
  const m = /^(\d{1,20})(?:\.(\d{1,20}))?$/.exec(text);
  if (!m) return undefined;
  const [, whole, fraction = ''] = m as unknown as string[];
  const scale = 10n ** BigInt(fraction.length);
  const scaled = BigInt(whole + fraction) * unit;
  return scaled % scale === 0n ? scaled / scale : undefined;
}

/** floor(a / b) for b > 0; BigInt's own division truncates towards zero, wrong before 1970. */
export function floorDiv(a: bigint, b: bigint): bigint {
  const q = a / b;
  return a % b < 0n ? q - 1n : q;
}
