// An engine that cannot sync its journal: the API acknowledges a write once the agent has synced it, and not before.

import assert from 'node:assert/strict';
import { chmodSync, globSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { test } from 'node:test';
import { temporaryFolder } from '../../servers.ts';
import { until } from '../../until.ts';
import { startRegion } from '../region.ts';
import { Service } from '../service.ts';

const standIn = join(import.meta.dirname, '..', '..', 'agent', 'q-stand-in.ts');

test('a write is acknowledged when its journal is synced: not while that fails, not while the agent stands still', async (t) => {
  const folder = temporaryFolder();
  t.after(() => folder.remove());
  const q = join(folder.path, 'q');
  writeFileSync(q, `#!/bin/sh\nexec '${process.execPath}' '${standIn}' "$@"\n`);
  chmodSync(q, 0o755);
  const region = await startRegion({ env: { TSG_Q: q, TSG_Q_READERS: '0' } });
  t.after(() => region.stop());
  const service = new Service(region.url, region.adminToken);
  await service.database('plant', { volumes: 1 });
  const write = (i: number) => service.ask('/v1/databases/plant/write', { body: `m v=${i} ${i}` });

  // The engine inside calls its journal something else than q does: there is nothing to sync.
  const refused = await write(1);
  assert.ok(refused.status >= 500, refused.text);
  const [journal] = globSync(join(region.dataDir, 'regions', '*', 'host', '*', '*', 'journal-*.log'));
  const generation = Number(/journal-(\d+)\.log$/.exec(journal!)![1]);
  symlinkSync(basename(journal!), join(dirname(journal!), `journal-${generation}`));
  await until('the same write to be taken', async () => (await write(1)).status === 200);

  const { agent } = region.pids();
  process.kill(agent, 'SIGSTOP');
  let status: number | undefined;
  try {
    const waiting = write(2).then((reply) => {
      status = reply.status;
    });
    // The engine has it, and others see it.
    await until('the point to be there', async () => (await service.rows('plant', 'm', { from: '0' })).length === 2);
    assert.equal(status, undefined);
    process.kill(agent, 'SIGCONT');
    await waiting;
  } finally {
    process.kill(agent, 'SIGCONT');
  }
  assert.equal(status, 200);
});
