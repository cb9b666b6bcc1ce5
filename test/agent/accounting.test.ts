import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Accounting } from '../../kdb/agent/accounting.ts';
import { theService } from '../../src/management/audit.ts';
import type { ProcessLimits } from '../../src/management/plans.ts';
import { createActive, openManagement, region, silent } from '../management/region.ts';
import { startDynoxide } from '../servers.ts';

test('databases of the host are measured and limited; their account learns when it is over its storage, and under it', async (t) => {
  const dynoxide = await startDynoxide();
  t.after(dynoxide.stop);
  const management = await openManagement(dynoxide.endpoint);
  t.after(management.close);
  const { accounts, databases, hosts, usage } = management;
  const { account } = await accounts.createAccount('acme', theService, {
    limits: { storageBytes: 1_000, tagSets: 7, series: 5, memoryMb: 512 },
  });
  await hosts.register({ id: 'h1', region, zone: 'a', agent: { host: '127.0.0.1', port: 1 }, slots: 4, volumes: 4 });
  const host = (await hosts.getHost('h1'))!;
  for (const name of ['plant', 'mill', 'mute']) {
    const { database } = await createActive(databases, account.id, name);
    await databases.place(database, host);
  }
  let bytes = 600;
  const limits: ProcessLimits[] = [];
  const accounting = new Accounting({
    management,
    hostId: 'h1',
    agent: { limit: async (_id, given) => void limits.push(given) },
    measure: async ({ name }) => {
      if (name === 'mute') throw new Error('no answer');
      return bytes;
    },
    log: silent,
  });
  await accounting.account();
  assert.equal(await usage.storedBytes(account.id), 1_200);
  assert.equal((await accounts.getAccount(account.id))?.overStorageBytes, 1_200);
  assert.deepEqual(limits, [
    { maxTagSets: 7, maxSeries: 5, memoryMb: 512 },
    { maxTagSets: 7, maxSeries: 5, memoryMb: 512 },
  ]);
  bytes = 100;
  await accounting.account();
  assert.equal((await accounts.getAccount(account.id))?.overStorageBytes, null);
});
