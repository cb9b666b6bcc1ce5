import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fence } from '../../kdb/agent/fence.ts';
import { embeddedProgram } from '../../kdb/agent/program.ts';
import { Registration } from '../../kdb/agent/registration.ts';
import { createEngineClient } from '../../src/kdb/client.ts';
import { theService } from '../../src/management/audit.ts';
import { batchOf, point } from '../engines/points.ts';
import { code, newDatabase, openManagement, region, silent } from '../management/region.ts';
import { startDynoxide, temporaryFolder } from '../servers.ts';
import { until } from '../until.ts';
import { testHost, wanted } from './host.ts';

test('the region learns of the host and of moved databases, also after DynamoDB was away', async (t) => {
  const folder = temporaryFolder();
  t.after(folder.remove);
  const dynoxide = await startDynoxide(folder.path);
  t.after(dynoxide.stop);
  const management = await openManagement(dynoxide.endpoint);
  t.after(management.close);
  const { hosts, databases } = management;

  const testing = testHost(t);
  const fence = await Fence.open({ hostId: 'h1', volumes: testing.volumes, log: silent });
  await fence.take(hosts);
  const agent = testing.agent({ fence });
  await agent.start();
  const host = { id: 'h1', region, zone: 'a', agent: { host: '127.0.0.1', port: 1 }, slots: 4, volumes: 4 };
  const registration = new Registration({ management, agent, fence, host, maxHeldMs: 55_000, log: silent });
  registration.start();
  t.after(() => registration.stop());
  const registered = await until('it is registered', async () => {
    const known = await hosts.getHost('h1');
    return known?.heartbeatAt === undefined ? undefined : known;
  });
  assert.deepEqual(
    (await hosts.hostsWithRoom(4)).map(({ id }) => id),
    ['h1'],
  );
  const { health } = await until('it has told of itself', async () => {
    const known = await hosts.getHost('h1');
    return known?.health ? { health: known.health } : undefined;
  });
  assert.deepEqual([health.slots, health.databases, health.volumes.length], [16, {}, 4]);
  assert.ok(health.volumes.every(({ freeBytes }) => freeBytes > 0));

  // Its row says another port than the one it listens on.
  const { database } = await databases.createDatabase(newDatabase('a1', 'plant'), theService);
  const placed = (await databases.place(database, registered))!;
  const { endpoint } = await agent.put(database.id, wanted);
  await databases.change(placed, { status: 'active', endpoint: { host: '127.0.0.1', port: 1 } });
  dynoxide.child.kill('SIGKILL');
  registration.wake();
  await dynoxide.restart();
  registration.wake();
  await until('the row is right', async () => {
    registration.wake();
    return (await databases.getDatabase('a1', 'plant', { fresh: true }))?.endpoint?.port === endpoint!.port;
  });
  assert.equal((await databases.getDatabase('a1', 'plant'))?.status, 'active');
  assert.ok((await hosts.getHost('h1'))!.heartbeatAt >= registered.heartbeatAt);
});

test('a mover that is gone: the database takes writes again, and the mover can switch nothing over any more', async (t) => {
  const dynoxide = await startDynoxide();
  t.after(dynoxide.stop);
  const management = await openManagement(dynoxide.endpoint);
  t.after(management.close);
  const { hosts, databases, moves } = management;
  const testing = testHost(t);
  const fence = await Fence.open({ hostId: 'h1', volumes: testing.volumes, log: silent });
  await fence.take(hosts);
  const agent = testing.agent({ fence, program: embeddedProgram() });
  await agent.start();
  const host = { id: 'h1', region, zone: 'a', agent: { host: '127.0.0.1', port: 1 }, slots: 4, volumes: 4 };
  await hosts.register(host);
  await hosts.register({ ...host, id: 'h2' });
  const { database } = await databases.createDatabase(newDatabase('a1', 'plant'), theService);
  const placed = (await databases.place(database, (await hosts.getHost('h1'))!))!;
  const { endpoint } = await agent.put(database.id, wanted);
  const active = await databases.change(placed, { status: 'active', endpoint: endpoint! });
  const client = createEngineClient({ ...endpoint!, user: wanted.user, password: wanted.password });
  t.after(() => client.close());
  const insert = () => client.insert(batchOf([point('m', { host: 'a' }, 1n, { f: 1 })]));

  const moved = (await moves.begin(active, (await hosts.getHost('h2'))!, 2, 'task'))!;
  await agent.hold(database.id, { held: true, by: 'mover' });
  await assert.rejects(insert(), { code: 'DatabaseHeld' });
  const registration = new Registration({ management, agent, fence, host, maxHeldMs: 100, log: silent });
  registration.start();
  t.after(() => registration.stop());
  await until('it takes writes', () => {
    registration.wake();
    return agent.get(database.id)?.heldBy === null;
  });
  await insert();
  await assert.rejects(moves.switchOver(moved, { host: '127.0.0.1', port: 2 }), code('Conflict'));
});
