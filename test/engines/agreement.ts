import assert from 'node:assert/strict';
import type { AsofSpec, Engine, QuerySpec } from '../../src/kdb/engine.ts';
import { type Cell, rowsOf } from './points.ts';
import type { Reference } from './reference.ts';

/** The engine and the reference answer a query, and the newest points of its series, alike. */
export async function agrees(engine: Engine, model: Reference, spec: QuerySpec): Promise<void> {
  let expected: Cell[][] | 'overflow' = model.query(spec);
  if (expected.flat().some((cell) => typeof cell === 'bigint' && BigInt.asIntN(64, cell) !== cell))
    expected = 'overflow';
  const actual = await engine.query(spec).then(rowsOf, (error: Error) => {
    assert.match(error.message, /LongOverflow/);
    return 'overflow' as const;
  });
  assert.deepEqual(actual === 'overflow' ? actual : nearTo(actual, expected, slackOf(spec)), expected);
  const latest = { series: spec.series, where: spec.where, fields: spec.fields };
  assert.deepEqual(rowsOf(await engine.latest(latest)), model.latest(latest));
}

/** They join two series alike. */
export async function joinsAlike(engine: Engine, model: Reference, spec: AsofSpec): Promise<void> {
  assert.deepEqual(rowsOf(await engine.asof(spec)), model.asof(spec));
}

/** Sums of floats depend on the order of adding in the last digits: where they are near, the expected ones. */
function nearTo(actual: Cell[][], expected: Cell[][] | 'overflow', slack: number): Cell[][] {
  return actual.map((row, i) =>
    row.map((cell, j) => {
      const wanted = expected === 'overflow' ? undefined : expected[i]?.[j];
      return typeof cell === 'number' && typeof wanted === 'number' && isNear(cell, wanted, slack) ? wanted : cell;
    }),
  );
}

function isNear(a: number, b: number, slack: number): boolean {
  return Math.abs(a - b) <= 1e-10 * Math.max(Math.abs(a), Math.abs(b)) + slack;
}

/** Sums may be next to nothing where their parts are not: areas over decades are of 10^9. */
function slackOf({ select }: QuerySpec): number {
  return select.some(({ op }) => op === 'integral') ? 1e-5 : 1e-13;
}
