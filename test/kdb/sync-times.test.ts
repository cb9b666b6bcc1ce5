import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hostFigures } from '../../kdb/agent/figures.ts';
import { SyncTimes } from '../../kdb/sync-times.ts';

test('what 99 of 100 syncs did not exceed, since the last time', () => {
  const times = new SyncTimes();
  assert.equal(times.takeP99(), undefined);
  for (let i = 200; i > 0; i--) times.add(i);
  assert.equal(times.takeP99(), 198);
  times.add(3);
  assert.equal(times.takeP99(), 3);
  for (let i = 0; i < 10_000; i++) times.add(i);
  assert.equal(times.takeP99(), 9_959);
});

test('the figure of a host is its slowest database, or what the agent syncs for them', async () => {
  const volumes = [
    { bytes: 100, freeBytes: 20 },
    { bytes: 0, freeBytes: 0 },
  ];
  const figuresOf = async (said: readonly (number | undefined)[], times?: SyncTimes): Promise<number | undefined> => {
    const processes = said.map((seconds) => ({ takeSlowestSyncS: () => seconds }));
    const agent = { health: async () => ({ volumes }) as never, processes: () => processes };
    return (await hostFigures(agent, times))['journalSyncP99Seconds'];
  };
  assert.equal(await figuresOf([undefined, 0.2, 0.1]), 0.2);
  assert.equal(await figuresOf([undefined]), undefined);
  const times = new SyncTimes();
  times.add(0.3);
  assert.equal(await figuresOf([], times), 0.3);
});
