import assert from 'node:assert/strict';
import { test } from 'node:test';
import { theService } from '../../src/management/audit.ts';
import type { TestManagement } from '../management/region.ts';
import { until } from '../until.ts';
import { startFeed } from './feed.ts';

const away = 'us-west-1';

const create = (management: TestManagement) =>
  management.tokens.createToken({ accountId: 'a1', name: 't', scopes: ['read'] }, theService);

const isEach = (versions: readonly (number | null)[], wanted: number): boolean => versions.every((v) => v === wanted);

test('what one region changes, the others know, without asking DynamoDB', async (t) => {
  const feed = await startFeed(t);
  if (!feed) return;
  const here = await (await feed.startRegion('eu-west-1')).open();
  const region = await feed.startRegion(away);
  await region.startReplicator();
  const there = await region.open();
  const { sweeper } = feed.sweeper(here);
  await sweeper.sweep();
  await until('the feed beats', async () => (await there.cache.feed())?.heartbeatAgeMs != null);

  const calls = there.cache.dynamoCalls();
  for (let i = 0; i < 20; i++) {
    const { token, secret } = await create(here);
    await until('it is cached there', async () => isEach(await region.versions(token.hash), 1));
    assert.deepEqual(await there.tokens.findToken(secret), token);
    await here.tokens.revokeToken('a1', token.id, theService);
    await until('it is revoked there', async () => (await there.tokens.findToken(secret)) === undefined);
  }
  assert.equal(there.cache.dynamoCalls(), calls);
  assert.equal(await region.differences(), 0);
});

test('a replicator that is killed in the middle of its work: the next one brings the rest', async (t) => {
  const feed = await startFeed(t);
  if (!feed) return;
  const here = await (await feed.startRegion('eu-west-1')).open();
  const region = await feed.startRegion(away);
  const replicator = await region.startReplicator();
  // Every message stays in hand: one zone takes it, the other does not answer.
  region.zones[1].child.kill('SIGSTOP');
  const made = await Promise.all(Array.from({ length: 60 }, () => create(here)));
  const hashes = made.map(({ token }) => token.hash);
  await until('it is at work', async () => (await region.version(0, hashes[30]!)) === 1);
  replicator.kill('SIGKILL');
  region.zones[1].child.kill('SIGCONT');
  await region.startReplicator();
  await until(
    'all are there',
    async () => (await Promise.all(hashes.map((hash) => region.versions(hash)))).every((each) => isEach(each, 1)),
    40_000,
  );
  assert.equal(await region.differences(), 0);
});

test('an old event comes once more, to a zone that has lost what it knew of the record: it is not believed', async (t) => {
  const feed = await startFeed(t);
  if (!feed) return;
  const here = await (await feed.startRegion('eu-west-1')).open();
  const region = await feed.startRegion(away);
  await region.startReplicator();
  const there = await region.open();
  await feed.sweeper(here).sweeper.sweep();
  await until('the feed beats', async () => (await there.cache.feed())?.fenceAgeMs != null);
  feed.topic.down = true;
  const { token, secret } = await create(here);
  await here.tokens.revokeToken('a1', token.id, theService);
  const at = new Date(Date.now() - 120_000).toISOString();
  await region.send({ id: 'again', kind: 'token', key: token.hash, version: 1, record: token, at });
  await until('it is there', async () => isEach(await region.versions(token.hash), 1));
  assert.equal(await there.tokens.findToken(secret), undefined);
});

test('the cache of a zone is emptied, or away: the others go on, and it catches up', async (t) => {
  const feed = await startFeed(t);
  if (!feed) return;
  const here = await (await feed.startRegion('eu-west-1')).open();
  const region = await feed.startRegion(away);
  await region.startReplicator();
  const there = await region.open();
  const { sweeper } = feed.sweeper(here);
  const { token, secret } = await create(here);
  await until('it is there', async () => isEach(await region.versions(token.hash), 1));

  const [a, b] = region.zones;
  a.child.kill('SIGKILL');
  await here.tokens.revokeToken('a1', token.id, theService);
  await until('the other zone knows', async () => (await region.version(1, token.hash)) === 2);
  assert.equal(await there.tokens.findToken(secret), undefined, 'from DynamoDB');
  await a.restart();
  await until('the zone knows', async () => (await region.version(0, token.hash).catch(() => null)) === 2, 40_000);
  await sweeper.sweep();
  await until('it is fenced', async () => (await there.cache.feed())?.fenceAgeMs != null);

  b.child.kill('SIGSTOP');
  const late = await create(here);
  await until('a zone that hangs is no hindrance', async () => (await region.version(0, late.token.hash)) === 1);
  b.child.kill('SIGCONT');
  await until('it has it too', async () => isEach(await region.versions(late.token.hash), 1), 40_000);
  assert.equal(await region.differences(), 0);
});

test('events that were lost: what differs from DynamoDB is taken out when a replicator starts, and when the queue was away', async (t) => {
  const feed = await startFeed(t);
  if (!feed) return;
  const here = await (await feed.startRegion('eu-west-1')).open();
  const region = await feed.startRegion(away);
  const replicator = await region.startReplicator();
  const { token } = await create(here);
  await until('it is there', async () => isEach(await region.versions(token.hash), 1));
  const mended = () =>
    until('what was wrong is gone', async () => (await region.versions(token.hash)).every((v) => v !== 1), 60_000);

  replicator.kill('SIGKILL');
  await here.tokens.revokeToken('a1', token.id, theService);
  await until('the event is in the queue', async () => (await here.feed.outbox.depth()) === 0);
  await feed.loseQueues();
  await region.startReplicator();
  await mended();

  await region.plant(token, [0, 1]);
  await feed.loseQueues();
  await mended();
  assert.equal(await region.differences(), 0);
});
