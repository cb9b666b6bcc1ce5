// Machines of one region whose clocks are five minutes off: nobody loses a task that is worked on, and nobody keeps one for longer than others would.

import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { theService } from '../../src/management/audit.ts';
import { createDynamo } from '../../src/management/dynamo.ts';
import { createDynamoClock } from '../../src/management/dynamo-clock.ts';
import { Hosts } from '../../src/management/hosts.ts';
import { leaseMs, TaskClaims } from '../../src/management/task-claims.ts';
import { newDatabase, openManagement, region } from '../management/region.ts';
import { startDynoxide } from '../servers.ts';

const dynoxide = await startDynoxide();
after(dynoxide.stop);
const { databases, clock: laterClock, dynamo: ours, close } = await openManagement(dynoxide.endpoint);
after(close);

interface Machine {
  readonly claims: TaskClaims;
  readonly hosts: Hosts;
}

function machine(aheadMs: number): Machine {
  const dynamo = createDynamo({ region, endpoint: dynoxide.endpoint });
  after(() => dynamo.destroy());
  const clock = createDynamoClock(dynamo, {
    wallMs: () => Date.now() + aheadMs,
    elapsedMs: () => performance.now(),
  });
  return { claims: new TaskClaims({ dynamo, region, clock }), hosts: new Hosts({ dynamo, region, clock }) };
}

const fiveMinutesMs = 300_000;
const machines = { right: machine(0), ahead: machine(fiveMinutesMs), behind: machine(-fiveMinutesMs) };
/** When a lease that was given now is over. */
const later = new TaskClaims({ dynamo: ours, region, clock: laterClock });
laterClock.aheadMs = leaseMs + 5_000;

for (const [holder, { claims }] of Object.entries(machines))
  test(`a task whose holder's clock is ${holder} is nobody else's until its lease is over, and then anybody's`, async () => {
    const { task } = await databases.createDatabase(newDatabase('a1', `of-${holder}`), theService);
    const held = (await claims.claim(task.id, holder))!;
    for (const round of [1, 2]) {
      for (const other of Object.values(machines)) {
        assert.equal(await other.claims.claim(task.id, 'thief'), undefined);
        assert.ok(!(await other.claims.due(10)).some(({ id }) => id === task.id), `round ${round}`);
        assert.equal(await other.claims.takeOver(held), undefined);
      }
      await claims.extend(held);
    }
    assert.equal((await later.claim(task.id, 'next'))?.leaseOwner, 'next');
  });

test('a host whose clock is behind takes databases', async () => {
  for (const [name, { hosts }] of Object.entries(machines)) {
    const agent = { host: '127.0.0.1', port: 1 };
    await hosts.register({ id: name, region, zone: 'a', agent, slots: 4, volumes: 2 });
    await hosts.heartbeat(name);
  }
  for (const { hosts } of Object.values(machines))
    assert.deepEqual((await hosts.hostsWithRoom(2)).map(({ id }) => id).toSorted(), Object.keys(machines).toSorted());
});
