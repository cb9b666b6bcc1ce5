import assert from 'node:assert/strict';
import type { Engine, QuerySpec } from '../../src/kdb/engine.ts';
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
  assert.deepEqual(rounded(actual), rounded(expected));
  const latest = { series: spec.series, where: spec.where, fields: spec.fields };
  assert.deepEqual(rowsOf(await engine.latest(latest)), model.latest(latest));
}

/** Sums of floats depend on the order of adding in the last digits. */
function rounded(rows: Cell[][] | 'overflow'): unknown {
  if (rows === 'overflow') return rows;
  return rows.map((row) => row.map((cell) => (typeof cell === 'number' ? Number(cell.toPrecision(12)) : cell)));
}
