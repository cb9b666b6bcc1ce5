// What an account may use. A plan gives every limit; the account's own record may override each of them.

import type { SchemaMode } from '../kdb/engine.ts';

export const limitNames = [
  'databases',
  'users',
  'tokens',
  'series',
  'tagSets',
  'memoryMb',
  'pointsPerSecond',
  'storageBytes',
  'querySecondsPerMinute',
] as const;
export type LimitName = (typeof limitNames)[number];

/** Null: no limit. */
export type Limits = Readonly<Record<LimitName, number | null>>;

export const planNames = ['trial', 'standard', 'large', 'unlimited'] as const;
export type PlanName = (typeof planNames)[number];

const gigabyte = 1e9;

/** `series`, `tagSets` and `memoryMb` (of its process) hold per database, the others for the whole account (the rates in each region). */
export const plans: Readonly<Record<PlanName, Limits>> = {
  trial: {
    databases: 2,
    users: 5,
    tokens: 20,
    series: 100,
    tagSets: 10_000,
    memoryMb: 2_048,
    pointsPerSecond: 10_000,
    storageBytes: 2 * gigabyte,
    querySecondsPerMinute: 20,
  },
  standard: {
    databases: 20,
    users: 100,
    tokens: 500,
    series: 10_000,
    tagSets: 1_000_000,
    memoryMb: 8_192,
    pointsPerSecond: 250_000,
    storageBytes: 200 * gigabyte,
    querySecondsPerMinute: 240,
  },
  large: {
    databases: 200,
    users: 1_000,
    tokens: 2_000,
    series: 50_000,
    tagSets: 5_000_000,
    memoryMb: 32_768,
    pointsPerSecond: 2_000_000,
    storageBytes: 5_000 * gigabyte,
    querySecondsPerMinute: 2_400,
  },
  /** The operator's own account. */
  unlimited: {
    databases: null,
    users: null,
    tokens: null,
    series: null,
    tagSets: null,
    memoryMb: null,
    pointsPerSecond: null,
    storageBytes: null,
    querySecondsPerMinute: null,
  },
};

export const defaultPlan: PlanName = 'standard';

export interface LimitedAccount {
  readonly plan: PlanName;
  readonly limits: Partial<Limits>;
}

/** Of each account object once: a request only looks it up. */
const known = new WeakMap<LimitedAccount, Limits>();

export function limitsOf(account: LimitedAccount): Limits {
  let limits = known.get(account);
  if (!limits) {
    limits = { ...plans[account.plan], ...account.limits };
    known.set(account, limits);
  }
  return limits;
}

/** What the process of a database is told. Null: as many as it takes. */
export interface ProcessLimits {
  readonly maxTagSets: number | null;
  readonly maxSeries: number | null;
  /** One that holds more is ended, and started again. */
  readonly memoryMb: number | null;
}

/** The series of a strict database are counted where they are defined (series.ts): its process is to take all of them. */
export function processLimits(account: LimitedAccount | null | undefined, schema: SchemaMode): ProcessLimits {
  if (!account) return { maxTagSets: null, maxSeries: null, memoryMb: null };
  const { tagSets, series, memoryMb } = limitsOf(account);
  return { maxTagSets: tagSets, maxSeries: schema === 'strict' ? null : series, memoryMb };
}
