// Dates and times from text, as literals and as Tok take them.

const dayNs = 86_400_000_000_000n;

/** Days since 2000.01.01. */
export function dateCell(text: string): number | undefined {
  const found = /^(\d{4})[.\-/]?(\d{2})[.\-/]?(\d{2})$/.exec(text);
  if (!found) return undefined;
  const [year, month, day] = [Number(found[1]), Number(found[2]), Number(found[3])];
  if (month < 1 || month > 12 || day < 1 || day > new Date(Date.UTC(year, month, 0)).getUTCDate()) return undefined;
  return Date.UTC(year, month - 1, day) / 86_400_000 - 10_957;
}

/** ns of `hh:mm[:ss[.fraction]]`. */
export function clockNs(text: string): bigint | undefined {
  const found = /^(\d{2}):(\d{2})(?::(\d{2})(?:\.(\d*))?)?$/.exec(text);
  if (!found) return undefined;
  const fraction = (found[4] ?? '').slice(0, 9).padEnd(9, '0');
  return (
    (BigInt(found[1]!) * 3600n + BigInt(found[2]!) * 60n + BigInt(found[3] ?? 0)) * 1_000_000_000n + BigInt(fraction)
  );
}

/** A timestamp: ns since 2000. */
export function momentCell(text: string): bigint | undefined {
  const [date, clock] = text.split(/[DT ]/) as [string, string?];
  const days = dateCell(date);
  if (days === undefined) return undefined;
  if (clock === undefined || clock === '') return BigInt(days) * dayNs;
  const ns = clockNs(/^\d{2}$/.test(clock) ? `${clock}:00` : clock.replace(/Z$/, ''));
  return ns === undefined ? undefined : BigInt(days) * dayNs + ns;
}

/** Timespan, minute, second, time. */
export function timeCell(t: number, text: string): bigint | number | undefined {
  const isNegative = text.startsWith('-');
  const rest = isNegative ? text.slice(1) : text;
  const found = /^(?:(\d+)D)?(.*)$/.exec(rest)!;
  const clock = found[2] === '' ? 0n : clockNs(/^\d{2}$/.test(found[2]!) ? `${found[2]}:00` : found[2]!);
  if (clock === undefined || rest === '') return undefined;
  const ns = (BigInt(found[1] ?? 0) * dayNs + clock) * (isNegative ? -1n : 1n);
  if (t === 16) return ns;
  return Number(ns / (t === 17 ? 60_000_000_000n : t === 18 ? 1_000_000_000n : 1_000_000n));
}
