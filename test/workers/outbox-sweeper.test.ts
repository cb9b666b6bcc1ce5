import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { theService } from '../../src/management/audit.ts';
import type { FeedEvent } from '../../src/management/event.ts';
import { Lease } from '../../src/management/lease.ts';
import { OutboxSweeper } from '../../workers/outbox-sweeper.ts';
import { openManagement, silent } from '../management/region.ts';
import { startDynoxide } from '../servers.ts';

const dynoxide = await startDynoxide();
after(() => dynoxide.stop());
const world = { down: false, published: [] as FeedEvent[] };
const topic = {
  async publish<E extends FeedEvent>(events: readonly E[]): Promise<E[]> {
    if (world.down) throw new Error('SNS is down');
    world.published.push(...events);
    return [...events];
  },
};
const management = await openManagement(dynoxide.endpoint, { topic });
after(management.close);
const { feed, tokens } = management;

/** A worker with a clock of its own. */
function worker() {
  const clock = { aheadMs: 0 };
  const elapsedMs = (): number => performance.now() + clock.aheadMs;
  const lease = new Lease({
    dynamo: management.dynamo,
    name: 'feed',
    owner: `w${Math.random()}`,
    patienceMs: 10_000,
    elapsedMs,
  });
  const sweeper = new OutboxSweeper({ lease, outbox: feed.outbox, topic, elapsedMs, log: silent });
  return {
    clock,
    sweeper,
    /** What it publishes in one round. */
    async sweep(): Promise<FeedEvent[]> {
      world.published.length = 0;
      await sweeper.sweep();
      return [...world.published];
    },
  };
}

test('what could not be published at once is published after its grace, once, before the heartbeat', async (t) => {
  const { sweep, clock, sweeper } = worker();
  t.after(() => sweeper.stop());
  world.down = true;
  const { token } = await tokens.createToken({ accountId: 'a1', name: 't', scopes: ['read'] }, theService);
  world.down = false;
  assert.deepEqual(
    (await sweep()).map(({ kind }) => kind),
    ['heartbeat'],
  );
  clock.aheadMs += 5_000;
  const [event, heartbeat] = await sweep();
  assert.partialDeepStrictEqual(event, { kind: 'token', key: token.hash, record: token });
  assert.equal(heartbeat?.kind, 'heartbeat');
  assert.deepEqual(await feed.outbox.list(), []);
  assert.equal(await feed.outbox.depth(), 0);
  clock.aheadMs += 5_000;
  assert.deepEqual(
    (await sweep()).map(({ kind }) => kind),
    ['heartbeat'],
  );
});

test('while something is overdue there is no heartbeat', async (t) => {
  const { sweep, clock, sweeper } = worker();
  t.after(() => sweeper.stop());
  world.down = true;
  await tokens.createToken({ accountId: 'a1', name: 't', scopes: ['read'] }, theService);
  await assert.rejects(sweep, /SNS is down/);
  clock.aheadMs += 5_000;
  await assert.rejects(sweep, /SNS is down/);
  assert.equal(await feed.outbox.depth(), 1);
  world.down = false;
  assert.deepEqual(
    (await sweep()).map(({ kind }) => kind),
    ['token', 'heartbeat'],
  );
});

test('one at a time: another takes over when the first has stood still for ten seconds, and the first finds out', async (t) => {
  const [first, second] = [worker(), worker()];
  t.after(() => Promise.all([first.sweeper.stop(), second.sweeper.stop()]));
  const count = async (who: ReturnType<typeof worker>): Promise<number> => (await who.sweep()).length;
  assert.deepEqual([await count(first), await count(second)], [1, 0]);
  second.clock.aheadMs += 4_000;
  assert.equal(await count(second), 0);
  assert.equal(await count(first), 1, 'it counts on');
  second.clock.aheadMs += 4_000;
  assert.equal(await count(second), 0, 'the count has moved');
  second.clock.aheadMs += 10_000;
  assert.equal(await count(second), 1, 'it has stood still');
  assert.equal(await count(first), 0);
  // Its clock does not matter: the count moves.
  first.clock.aheadMs += 3_600_000;
  assert.equal(await count(first), 0);
  assert.equal(await count(second), 1);
});

test('who stops gives the lease back, and heartbeats count on', async (t) => {
  const [first, second] = [worker(), worker()];
  t.after(() => second.sweeper.stop());
  const [before] = await first.sweep();
  await first.sweeper.stop();
  const [afterwards] = await second.sweep();
  assert.ok(before?.kind === 'heartbeat' && afterwards?.kind === 'heartbeat');
  assert.ok(afterwards.sequence > before.sequence);
});
