import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Crashes } from '../../kdb/agent/crashes.ts';
import { until } from '../until.ts';
import { directoriesOf, startsOf, testHost, wanted } from './host.ts';

type End = readonly [atMs: number, usedMs: number, byItself: boolean, state: string, backoffMs: number];

const series: Record<string, readonly End[]> = {
  'it does not start': [
    [0, 0, true, 'crashed', 100],
    [300, 0, true, 'crashed', 200],
    [700, 0, true, 'crashed', 400],
    [1_300, 0, true, 'crashed', 800],
    [2_300, 0, true, 'crash-loop', 60_000],
    [62_500, 10_000, true, 'crash-loop', 60_000],
    [190_000, 61_000, true, 'crashed', 100],
  ],
  'it ends a moment after it was in use': [
    [0, 2_000, true, 'crashed', 100],
    [2_100, 2_000, true, 'crashed', 100],
    [4_200, 2_000, true, 'crashed', 100],
    [6_300, 2_000, true, 'crashed', 100],
    [8_400, 2_000, true, 'crash-loop', 60_000],
  ],
  'it ends now and then': [0, 1, 2, 3, 4, 5, 6].map((n) => [n * 20_000, 19_000, true, 'crashed', 100] as const),
  'it is killed again and again': [0, 1, 2, 3, 4, 5, 6].map((n) => [n * 3_100, 3_000, false, 'crashed', 100] as const),
  'its volume is away': [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000].map(
    (backoffMs, n) => [n * 5_000, 0, false, 'crashed', backoffMs] as const,
  ),
};

for (const [name, ends] of Object.entries(series)) {
  test(name, () => {
    const crashes = new Crashes();
    for (const [atMs, usedMs, byItself, state, backoffMs] of ends)
      assert.deepEqual(crashes.ended(usedMs, byItself, atMs), { state, backoffMs }, `at ${atMs} ms`);
  });
}

test('a database that cannot start is in a crash loop, and says why', async (t) => {
  const host = testHost(t);
  const agent = host.agent();
  await agent.start();
  await agent.put('db-1', wanted);
  const [home] = directoriesOf(host, 'db-1');
  writeFileSync(join(home!, 'broken'), '');
  process.kill(startsOf(home!)[0]!, 'SIGTERM');
  await until('it is in a loop', () => agent.get('db-1')?.state === 'crash-loop');
  assert.match(agent.get('db-1')!.fault!, /^it ended with code 1\nsomething is broken$/);
  assert.deepEqual((await agent.health()).databases, { 'crash-loop': 1 });
});
