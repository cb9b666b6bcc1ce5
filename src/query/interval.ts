import { unitNs } from '../base/time.ts';

/** In the largest of s, ms, us and ns that gives a whole number: 60s, 500ms. */
export function intervalText(widthNs: bigint): string {
  const unit = (['s', 'ms', 'us', 'ns'] as const).find((candidate) => widthNs % unitNs[candidate] === 0n)!;
  return `${widthNs / unitNs[unit]}${unit}`;
}
