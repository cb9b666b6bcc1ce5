// What a query costs, and where its time goes. It is run, and its result thrown away.

import type { Explanation, QueryResult, QuerySpec } from '../kdb/engine.ts';
import type { Plan } from '../query/plan.ts';
import { runPlan } from '../query/run.ts';

type Explain = (spec: QuerySpec) => Promise<Explanation>;

export async function explained(
  plan: Plan,
  query: (spec: QuerySpec) => Promise<QueryResult>,
  explain: Explain,
): Promise<object> {
  const engine = await explain(plan.spec);
  let engineMs = 0;
  const startedMs = performance.now();
  const { result } = await runPlan(plan, async (spec) => {
    const askedMs = performance.now();
    const found = await query(spec);
    engineMs += performance.now() - askedMs;
    return found;
  });
  const totalMs = performance.now() - startedMs;
  return {
    plan: shownPlan(plan),
    engine: {
      rows: Number(engine.rows),
      partitions: Number(engine.parts),
      bytesPerVolume: Array.from(engine.bytesPerVolume, Number),
      bytesCached: Number(engine.bytesCached),
      rowsInMemory: Number(engine.hotRows),
      lateRows: Number(engine.lateRows),
    },
    rows: result.rows,
    timeMs: {
      engineReading: milliseconds(engine.readNs),
      engine: milliseconds(engine.totalNs),
      engineAndWay: rounded(engineMs),
      finishing: rounded(totalMs - engineMs),
    },
  };
}

function shownPlan({ spec, ranking, finishing, interval }: Plan): object {
  const { bucket, fromNs, toNs, by, select, fields, where } = spec;
  return {
    from: `${fromNs}ns`,
    until: `${toNs}ns`,
    kind: select.length > 0 ? 'aggregates' : 'points',
    groupBy: by,
    fields: select.length > 0 ? [...new Set(select.map(({ field }) => field))] : fields,
    filtered: where !== null,
    bucket: bucket && { interval, ...(bucket.kind === 'edges' && { edges: bucket.edgesNs.length }) },
    steps: [...(ranking ? [ranking.from] : []), 'engine', ...Object.keys(finishing)],
  };
}

function milliseconds(ns: bigint): number {
  return rounded(Number(ns) / 1e6);
}

function rounded(ms: number): number {
  return Math.round(ms * 1_000) / 1_000;
}
