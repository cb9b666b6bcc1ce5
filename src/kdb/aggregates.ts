// The aggregates: of which fields, what type they give, and what they need beside the field. What each of them is, stands with QuerySpec (engine.ts).
import type { FieldType } from './engine.ts';

interface AggregateTraits {
  /** 'any': text and booleans too. */
  readonly of: 'numbers' | 'any';
  /** Type of its results; 'field': that of the field. */
  readonly gives: 'long' | 'float' | 'field';
  /** `p` or `weight` of the aggregate, which has to be there for it and for no other. */
  readonly needs?: 'p' | 'weight';
}

export const aggregateTraits = {
  count: { of: 'any', gives: 'long' },
  sum: { of: 'numbers', gives: 'field' },
  avg: { of: 'numbers', gives: 'float' },
  min: { of: 'numbers', gives: 'field' },
  max: { of: 'numbers', gives: 'field' },
  first: { of: 'any', gives: 'field' },
  last: { of: 'any', gives: 'field' },
  spread: { of: 'numbers', gives: 'field' },
  stddev: { of: 'numbers', gives: 'float' },
  variance: { of: 'numbers', gives: 'float' },
  median: { of: 'numbers', gives: 'float' },
  percentile: { of: 'numbers', gives: 'float', needs: 'p' },
  distinct: { of: 'any', gives: 'long' },
  twa: { of: 'numbers', gives: 'float' },
  increase: { of: 'numbers', gives: 'float' },
  delta: { of: 'numbers', gives: 'float' },
  rate: { of: 'numbers', gives: 'float' },
  derivative: { of: 'numbers', gives: 'float' },
  integral: { of: 'numbers', gives: 'float' },
  wavg: { of: 'numbers', gives: 'float', needs: 'weight' },
} as const satisfies Record<string, AggregateTraits>;

export type AggregateOp = keyof typeof aggregateTraits;

export const aggregateOps = Object.keys(aggregateTraits) as readonly AggregateOp[];

export function isAggregateOp(name: string): name is AggregateOp {
  return Object.hasOwn(aggregateTraits, name);
}

export function needOf(op: AggregateOp): 'p' | 'weight' | undefined {
  const traits: AggregateTraits = aggregateTraits[op];
  return traits.needs;
}

export function supportsField(op: AggregateOp, type: FieldType): boolean {
  return aggregateTraits[op].of === 'any' || type === 'float' || type === 'long';
}
