import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { theService } from '../../src/management/audit.ts';
import { startDynoxide } from '../servers.ts';
import { newDatabase, openManagement, region } from './region.ts';

const dynoxide = await startDynoxide();
after(() => dynoxide.stop());
const { hosts, databases, clock, close } = await openManagement(dynoxide.endpoint);
after(close);

const agent = { host: '10.0.0.1', port: 7000 };
const zone = `${region}a`;

test('hosts with room: alive, with enough volumes, the emptiest first', async () => {
  await hosts.register({ id: 'gone', region, zone, agent, slots: 64, volumes: 4 });
  clock.aheadMs += 15_001;
  for (const [id, slots, volumes] of [
    ['small', 2, 4],
    ['big', 8, 4],
    ['narrow', 64, 1],
    ['full', 0, 4],
  ] as const) {
    await hosts.register({ id, region, zone, agent, slots, volumes });
  }
  await hosts.register({ id: 'elsewhere', region: 'us-west-1', zone: 'us-west-1a', agent, slots: 64, volumes: 4 });
  assert.deepEqual(
    (await hosts.hostsWithRoom(2)).map(({ id }) => id),
    ['big', 'small'],
  );
  assert.deepEqual(
    (await hosts.hostsWithRoom(1)).map(({ id }) => id),
    ['narrow', 'big', 'small'],
  );
  await hosts.heartbeat('gone');
  assert.deepEqual(
    (await hosts.hostsWithRoom(2)).map(({ id }) => id),
    ['gone', 'big', 'small'],
  );
});

test('a cordoned host gets no new databases, until it is uncordoned', async () => {
  await hosts.register({ id: 'cordoned', region, zone, agent, slots: 900, volumes: 4 });
  const before = (await hosts.getHost('cordoned'))!;
  await hosts.cordon('cordoned', true, theService);
  const names = async () => (await hosts.hostsWithRoom(4)).map(({ id }) => id);
  assert.ok(!(await names()).includes('cordoned'));
  const { database } = await databases.createDatabase(newDatabase('a1', 'cordoned'), theService);
  assert.equal(await databases.place(database, before), undefined);
  // Its agent starts again.
  await hosts.register({ id: 'cordoned', region, zone, agent, slots: 900, volumes: 4 });
  assert.ok(!(await names()).includes('cordoned'));
  await hosts.cordon('cordoned', false, theService);
  assert.equal((await names())[0], 'cordoned');
  assert.ok(await databases.place(database, before));
  await assert.rejects(hosts.cordon('nowhere', true, theService), { code: 'HostNotFound' });
});

test('a host that registers again keeps what is placed on it', async () => {
  const report = { id: 'again', region, zone, agent, slots: 4, volumes: 4 };
  await hosts.register(report);
  const { database } = await databases.createDatabase(newDatabase('a1', 'plant'), theService);
  await databases.place(database, (await hosts.getHost('again'))!);
  await hosts.register({ ...report, agent: { host: '10.0.0.2', port: 7001 }, slots: 6 });
  const host = (await hosts.getHost('again'))!;
  assert.equal(host.usedSlots, 1);
  assert.equal(host.slots, 6);
  assert.deepEqual(host.agent, { host: '10.0.0.2', port: 7001 });
});

test('a host that was not heard of for a week and has no database leaves', async () => {
  const report = { region, zone, agent, slots: 4, volumes: 4 };
  for (const id of ['left', 'holding', 'back']) await hosts.register({ ...report, id });
  const { database } = await databases.createDatabase(newDatabase('a2', 'plant'), theService);
  await databases.place(database, (await hosts.getHost('holding'))!);
  clock.aheadMs += 7 * 24 * 3_600_000 + 1_000;
  await hosts.heartbeat('back');
  await hosts.register({ ...report, id: 'new' });
  await hosts.removeForgotten();
  const ids = (await hosts.listHosts()).map(({ id }) => id);
  assert.deepEqual(
    ['left', 'holding', 'back', 'new'].map((id) => ids.includes(id)),
    [false, true, true, true],
  );
  await assert.rejects(hosts.heartbeat('left'));
  await hosts.register({ ...report, id: 'left' });
  assert.equal((await hosts.getHost('left'))?.usedSlots, 0);
});

test('a host that is not registered has no heartbeat', async () => {
  await assert.rejects(hosts.heartbeat('nobody'));
  assert.equal(await hosts.getHost('nobody'), undefined);
});
