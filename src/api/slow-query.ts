import type { Explanation, QuerySpec } from '../kdb/engine.ts';
import type { Context } from './step.ts';

/** The engine runs a query again to explain it, so one plan is asked for at a time, and the next one no sooner than this after it. */
const betweenPlansMs = 10_000;
let nextPlanMs = 0;

/**
 * Logs a query that took longer than this process bears: its shape, and the engine's plan of it, for which nobody waits. What it looks for is the
 * customer's, and stays out.
 */
export function logSlowQuery(context: Context, spec: QuerySpec, tookMs: number): void {
  const { services, account, database, log } = context;
  if (tookMs < services.config.slowQueryMs) return;
  const line = {
    ...{ account: account!.id, database: database!.id, series: spec.series },
    durationMs: Math.round(tookMs),
    fromNs: String(spec.fromNs),
    untilNs: String(spec.toNs),
    isFiltered: spec.where !== null,
    groupedBy: spec.by.length,
    isBucketed: spec.bucket !== null,
    aggregates: spec.select.length,
    fields: spec.fields.length,
  };
  if (performance.now() < nextPlanMs) {
    log.warn('slow query', { ...line, plan: 'none: another query was explained just now' });
    return;
  }
  nextPlanMs = Number.POSITIVE_INFINITY;
  services.engines
    .client(database!)
    .explain(spec)
    .then(
      (plan) => log.warn('slow query', { ...line, plan: shown(plan) }),
      (error: unknown) => log.warn('slow query', { ...line, plan: 'none', error }),
    )
    .finally(() => {
      nextPlanMs = performance.now() + betweenPlansMs;
    });
}

/** JSON has no form for 64-bit integers. */
function shown({ bytesPerVolume, readNs, totalNs, ...counts }: Explanation): Record<string, unknown> {
  return {
    ...Object.fromEntries(Object.entries(counts).map(([name, count]) => [name, Number(count)])),
    bytesPerVolume: Array.from(bytesPerVolume, Number),
    readMs: Number(readNs) / 1e6,
    totalMs: Number(totalNs) / 1e6,
  };
}
