import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { Fence, NoVolumes } from '../../kdb/agent/fence.ts';
import { theService } from '../../src/management/audit.ts';
import type { DatabaseReport, HostHealth } from '../../src/management/host-agent.ts';
import { type Hosts, HostTaken } from '../../src/management/hosts.ts';
import { newDatabase, openManagement, region, silent } from '../management/region.ts';
import { startDynoxide, temporaryFolder } from '../servers.ts';
import { until } from '../until.ts';
import { wanted } from './host.ts';

function volumesOf(t: TestContext, count: number): string[] {
  const folder = temporaryFolder();
  t.after(() => folder.remove());
  const volumes = Array.from({ length: count }, (_, n) => join(folder.path, `v${n}`));
  for (const volume of volumes) mkdirSync(volume);
  return volumes;
}

const opened = (volumes: readonly string[], hostId = 'h1') => Fence.open({ hostId, volumes, log: silent });

/** A host's item, without a store around it. */
function hostItem(epoch = 0) {
  const item = { epoch, instance: '', isAway: false };
  const hosts: Pick<Hosts, 'getHost' | 'take'> = {
    getHost: async () => {
      if (item.isAway) throw new Error('away');
      return { epoch: item.epoch } as never;
    },
    take: async (_id, { epoch, instance }) => {
      if (item.isAway) throw new Error('away');
      if (epoch <= item.epoch && instance !== item.instance) throw new HostTaken('taken');
      Object.assign(item, { epoch, instance });
    },
  };
  return { item, hosts };
}

test('a volume is marked once, and refused by a host that it does not belong to', async (t) => {
  const volumes = volumesOf(t, 2);
  await opened(volumes.slice(0, 1), 'h9');
  const fence = await opened(volumes);
  assert.deepEqual(fence.volumes, [volumes[1]]);
  const reason = fence.refused.get(volumes[0]!)!;
  assert.match(reason, /v0 is volume [0-9a-f-]{36} of host h9$/);
  await assert.rejects(fence.check([join(volumes[1]!, 'db-1'), join(volumes[0]!, 'db-1')]), { message: reason });
  await fence.check([join(volumes[1]!, 'db-1')]);
  await assert.rejects(opened(volumes.slice(0, 1)), NoVolumes);
});

test('a volume that is away, or whose mark is damaged, is not used', async (t) => {
  const volumes = volumesOf(t, 3);
  await opened(volumes);
  writeFileSync(join(volumes[1]!, 'volume.json'), '{');
  const fence = await opened([volumes[0]!, volumes[1]!, join(volumes[2]!, 'away')]);
  assert.deepEqual(fence.volumes, [volumes[0]]);
  assert.equal(fence.refused.size, 2);
});

test('every start raises the epoch, on volumes too, where a mark keeps its size', async (t) => {
  const volumes = volumesOf(t, 2);
  const { item, hosts } = hostItem(7);
  for (const expected of [8, 9]) {
    const fence = await opened(volumes);
    await fence.take(hosts);
    assert.deepEqual([fence.epoch, item.epoch], [expected, expected]);
  }
  for (const volume of volumes) {
    assert.equal(JSON.parse(readFileSync(join(volume, 'volume.json'), 'utf8')).epoch, 9);
    assert.equal(statSync(join(volume, 'volume.json')).size, 512);
  }
});

test('without an answer the volumes decide; who was overtaken meanwhile learns of it when there is one', async (t) => {
  const [volumes, moved] = [volumesOf(t, 1), volumesOf(t, 1)];
  const { item, hosts } = hostItem(4);
  const old = await opened(volumes);
  item.isAway = true;
  await old.take(hosts);
  assert.equal(old.fault, null);
  await old.check([join(volumes[0]!, 'db-1')]);
  item.isAway = false;
  const next = await opened(moved);
  await next.take(hosts);
  await old.confirm(hosts);
  await old.lost;
  assert.match(old.fault!, /^the host h1 is another agent's now/);
  await assert.rejects(old.check([]), /another agent's now/);
  await next.confirm(hosts);
  assert.equal(next.fault, null);
});

test('who has the volumes is told by them, before it starts anything', async (t) => {
  const volumes = volumesOf(t, 1);
  const { hosts } = hostItem();
  const [old, next] = [await opened(volumes), await opened(volumes)];
  await old.take(hosts);
  await next.take(hosts);
  await assert.rejects(old.check([join(volumes[0]!, 'db-1')]), /another agent's now/);
  await next.check([join(volumes[0]!, 'db-1')]);
});

test('a mark that cannot be written stops nothing', async (t) => {
  const volumes = volumesOf(t, 1);
  const fence = await opened(volumes);
  rmSync(join(volumes[0]!, 'volume.json'));
  await fence.take(hostItem().hosts);
  assert.deepEqual([fence.epoch, fence.fault], [1, null]);
});

interface RunningAgent {
  readonly child: ChildProcess;
  readonly ask: <T>(method: string, path: string, body?: unknown) => Promise<{ status: number; body: T }>;
}

test('two agents with one host id: the one that started last has the host, also when the other was only paused', async (t) => {
  const folder = temporaryFolder();
  t.after(folder.remove);
  const dynoxide = await startDynoxide(folder.path);
  t.after(dynoxide.stop);
  const management = await openManagement(dynoxide.endpoint);
  t.after(management.close);
  const volumes = volumesOf(t, 2);
  const secret = 'secret of the host';
  const startAgent = async (): Promise<RunningAgent> => {
    const child = spawn(process.execPath, [join(import.meta.dirname, '../../kdb/agent/main.ts')], {
      env: {
        ...{ PATH: process.env['PATH'], AWS_ACCESS_KEY_ID: 'local', AWS_SECRET_ACCESS_KEY: 'local' },
        ...{ TSG_REGION: region, TSG_ZONE: 'a', TSG_HOST_ID: 'h1', TSG_VOLUMES: volumes.join(',') },
        ...{ TSG_AGENT_SECRET: secret, TSG_LINK_SECRET: 'links', TSG_STOP_WITH_PARENT: '1' },
        TSG_OBJECT_STORE: pathToFileURL(join(folder.path, 'objects')).href,
        TSG_DYNAMODB_ENDPOINT: dynoxide.endpoint,
      },
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    child.stdin!.on('error', () => {});
    t.after(() => child.kill('SIGKILL'));
    let output = '';
    child.stdout!.on('data', (data: Buffer) => (output += data));
    const port = await until('the agent listens', () => /^listening (\d+)$/m.exec(output)?.[1], 60_000);
    return {
      child,
      ask: async <T>(method: string, path: string, body?: unknown) => {
        const headers = { authorization: `Bearer ${secret}` };
        const sent = body === undefined ? {} : { body: JSON.stringify(body) };
        const reply = await fetch(`http://127.0.0.1:${port}${path}`, { method, headers, ...sent });
        return { status: reply.status, body: (await reply.json()) as T };
      },
    };
  };

  const old = await startAgent();
  const { hosts, databases } = management;
  const host = await until('it is registered', async () => {
    const known = await hosts.getHost('h1');
    return known?.agent && known;
  });
  const { database } = await databases.createDatabase(newDatabase('a1', 'plant'), theService);
  const placed = (await databases.place(database, host))!;
  const put = await old.ask<DatabaseReport>('PUT', `/databases/${database.id}`, wanted);
  assert.equal(put.body.state, 'running');
  const active = await databases.change(placed, { status: 'active', endpoint: put.body.endpoint! });

  old.child.kill('SIGSTOP');
  const next = await startAgent();
  const running = await until('the newer one runs it', async () => {
    const { body } = await next.ask<DatabaseReport>('GET', `/databases/${database.id}`);
    return body.state === 'running' && body;
  });
  // What the older one says of the database is refused, whatever it believes.
  await assert.rejects(databases.change(active, { endpoint: { host: '127.0.0.1', port: 1 } }, { id: 'h1', epoch: 1 }));
  old.child.kill('SIGCONT');
  const lost = await until('the older one knows', async () => {
    const { body } = await old.ask<HostHealth>('GET', '/health');
    return body.fault !== null && body;
  });
  assert.match(lost.fault!, /^the host h1 is another agent's now, which started after this one \(epoch 1\)$/);
  const report = await until('it runs nothing', async () => {
    const { body } = await old.ask<DatabaseReport>('GET', `/databases/${database.id}`);
    return body.state === 'stopped' && body;
  });
  assert.equal(report.fault, lost.fault);
  for (const [method, path, body] of [
    ['PUT', '/databases/another', wanted],
    ['DELETE', `/databases/${database.id}`],
    ['POST', `/databases/${database.id}/hold`, { held: true, by: 'me' }],
  ] as const)
    assert.equal((await old.ask(method, path, body)).status, 503, `${method} ${path}`);

  const after = await next.ask<DatabaseReport>('GET', `/databases/${database.id}`);
  assert.deepEqual(after.body, running);
  const { epoch, fault } = (await next.ask<HostHealth>('GET', '/health')).body;
  assert.deepEqual([epoch, fault], [2, null]);
  assert.equal((await hosts.getHost('h1'))?.epoch, 2);
  await until('the newer one is the one that is called', async () => {
    const known = (await databases.getDatabase('a1', 'plant', { fresh: true }))?.endpoint;
    return known?.port === running.endpoint!.port;
  });
});
