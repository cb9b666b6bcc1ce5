// Numbers and times as people read them.

const steps = ['', 'k', 'M', 'G', 'T', 'P'] as const;

/** 1,234,567 rows: `1.23M`; bytes likewise, in powers of 1000. */
export function amount(value: number): string {
  const step = value < 1_000 ? 0 : Math.min(Math.floor(Math.log10(value) / 3), steps.length - 1);
  const scaled = value / 1_000 ** step;
  return `${step === 0 ? Math.round(scaled) : scaled.toPrecision(3)}${steps[step]}`;
}

/** 3,725: `1h02m`. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole}s`;
  const two = (part: number): string => String(part).padStart(2, '0');
  if (whole < 3_600) return `${Math.floor(whole / 60)}m${two(whole % 60)}s`;
  if (whole < 86_400) return `${Math.floor(whole / 3_600)}h${two(Math.floor((whole % 3_600) / 60))}m`;
  return `${Math.floor(whole / 86_400)}d${two(Math.floor((whole % 86_400) / 3_600))}h`;
}

/** How long ago an ISO time was; one to come has a plus. */
export function age(time: string | null | undefined, nowMs: number): string | null {
  if (time == null) return null;
  const seconds = (nowMs - Date.parse(time)) / 1_000;
  return seconds < 0 ? `+${duration(-seconds)}` : duration(seconds);
}
