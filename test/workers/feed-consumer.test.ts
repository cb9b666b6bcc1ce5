import assert from 'node:assert/strict';
import { test } from 'node:test';
import { theService } from '../../src/management/audit.ts';
import type { TestManagement } from '../management/region.ts';
import { until } from '../until.ts';
import { startFeed } from './feed.ts';

const create = (management: TestManagement) =>
  management.tokens.createToken({ accountId: 'a1', name: 't', scopes: ['read'] }, theService);

test('a call that fails makes nobody read every record again; an absence of ten seconds does, once', async (t) => {
  const feed = await startFeed(t);
  if (!feed) return;
  const here = await (await feed.startRegion('eu-west-1')).open();
  const region = await feed.startRegion('us-west-1');
  const consumer = await region.startConsumer();
  const { sweeper } = feed.sweeper(here);
  const comparisons = (): number[] => consumer.menders.map((mender) => mender.comparisons);
  const failAndGoOn = async (): Promise<void> => {
    let failed = false;
    void consumer.failOnce().then(() => {
      failed = true;
    });
    // Whoever gets one asks for more.
    await until('a call to fail', async () => {
      await create(here);
      return failed;
    });
    const { token } = await create(here);
    await until('the queue to be read again', async () =>
      (await region.versions(token.hash)).every((version) => version === 1),
    );
  };
  await sweeper.sweep();
  const first = 'both zones to be compared, since they were empty';
  await until(first, () => comparisons().every((count) => count === 1));
  await failAndGoOn();
  consumer.clock.aheadMs = 30_000;
  await failAndGoOn();
  await until('both zones to be compared once more', () => comparisons().every((count) => count > 1));
  assert.deepEqual(comparisons(), [2, 2]);
});

test('a zone that is away for longer than events are kept for it is compared with DynamoDB when it is back', async (t) => {
  const feed = await startFeed(t);
  if (!feed) return;
  const here = await (await feed.startRegion('eu-west-1')).open();
  const region = await feed.startRegion('us-west-1');
  const consumer = await region.startConsumer();
  const { token } = await create(here);
  await until('it is there', async () => (await region.versions(token.hash)).every((version) => version === 1));
  const [, b] = region.zones;
  b.child.kill('SIGKILL');
  await here.tokens.revokeToken('a1', token.id, theService);
  await until('the other zone knows', async () => (await region.version(0, token.hash)) === 2);
  assert.equal(await consumer.waiting(), 1);
  await until(
    'nobody to keep the event',
    async () => {
      consumer.clock.aheadMs += 1_000;
      return (await consumer.waiting()) === 0;
    },
    40_000,
  );
  await b.restart();
  await until('it to be reached', () =>
    region.plant(token, [1]).then(
      () => true,
      () => false,
    ),
  );
  await until('what the zone missed is gone', async () => (await region.version(1, token.hash)) === null);
  assert.equal(await region.differences(), 0);
  assert.equal(await region.version(0, token.hash), 2);
});

test('a zone that comes back empty is compared with DynamoDB: an older event that comes late is news to it', async (t) => {
  const feed = await startFeed(t);
  if (!feed) return;
  const here = await (await feed.startRegion('eu-west-1')).open();
  const region = await feed.startRegion('us-west-1');
  await region.startConsumer();
  const { sweeper } = feed.sweeper(here);
  await sweeper.sweep();
  const { token } = await create(here);
  await here.tokens.revokeToken('a1', token.id, theService);
  await until('it is there', async () => (await region.versions(token.hash)).every((version) => version === 2));
  const [a] = region.zones;
  a.child.kill('SIGKILL');
  await a.restart();
  await region.send({ id: 'again', kind: 'token', key: token.hash, version: 1, record: token, at: token.createdAt });
  await until('the late event', async () => (await region.version(0, token.hash)) === 1);
  await sweeper.sweep();
  await until('it is gone', async () => (await region.version(0, token.hash)) === null, 40_000);
  assert.equal(await region.differences(), 0);
});

test('a zone that comes back empty while a comparison waits is compared after it, and is not given again what it took', async (t) => {
  const feed = await startFeed(t);
  if (!feed) return;
  const here = await (await feed.startRegion('eu-west-1')).open();
  const region = await feed.startRegion('us-west-1');
  const consumer = await region.startConsumer();
  const { token } = await create(here);
  await until('it is there', async () => (await region.versions(token.hash)).every((version) => version === 1));
  const [a, b] = region.zones;
  // The first version is held for zone b; zone a has it, and then the next.
  b.child.kill('SIGKILL');
  const event = { id: 'held', kind: 'token', key: token.hash, version: 2, record: token, at: token.createdAt } as const;
  await region.send(event);
  await until('zone a to take it', async () => (await region.version(0, token.hash)) === 2);
  consumer.menders[0]!.mend();
  a.child.kill('SIGKILL');
  await a.restart();
  await b.restart();
  await until('zone b to take it', async () => (await region.version(1, token.hash)) === 2, 40_000);
  assert.equal(await region.version(0, token.hash), null);
  consumer.menders[0]!.mend();
  await until('two comparisons', () => consumer.menders[0]!.comparisons === 2, 60_000);
  assert.equal(consumer.menders[0]!.isPending, false);
});
