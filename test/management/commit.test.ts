import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { theService } from '../../src/management/audit.ts';
import { ConditionFailed } from '../../src/management/dynamo.ts';
import type { FeedEvent } from '../../src/management/event.ts';
import { encodeEvent, eventOf } from '../../src/management/event.ts';
import { startDynoxide } from '../servers.ts';
import { until } from '../until.ts';
import { openManagement } from './region.ts';

const dynoxide = await startDynoxide();
after(() => dynoxide.stop());
const world = { published: [] as FeedEvent[], down: false };
const management = await openManagement(dynoxide.endpoint, {
  topic: {
    async publish(events) {
      if (world.down) throw new Error('SNS is down');
      world.published.push(...events);
      return [...events];
    },
  },
});
after(management.close);
const { tokens, feed } = management;
const create = () => tokens.createToken({ accountId: 'a1', name: 't', scopes: ['read'] }, theService);

test('a change is published with its record, and leaves the outbox', async () => {
  world.published.length = 0;
  const { token } = await create();
  await until('the outbox is empty', async () => (await feed.outbox.list()).length === 0);
  const [event] = world.published;
  assert.partialDeepStrictEqual(event, { kind: 'token', key: token.hash, version: 1, record: token });
  await tokens.revokeToken('a1', token.id, theService);
  await until('the outbox is empty', async () => (await feed.outbox.list()).length === 0);
  assert.partialDeepStrictEqual(world.published[1], { kind: 'token', key: token.hash, version: 2, record: null });
});

test('while SNS is down, changes work, and their events wait in the outbox', async () => {
  world.down = true;
  const made = [await create(), await create()];
  world.down = false;
  const waiting = await feed.outbox.list();
  assert.deepEqual(waiting.map(({ key }) => key).toSorted(), made.map(({ token }) => token.hash).toSorted());
  for (const event of waiting) await feed.outbox.remove(event);
});

test('a refused change leaves no event', async () => {
  world.published.length = 0;
  const { accounts } = management;
  await accounts.createAccount('acme', theService);
  const before = world.published.length;
  await assert.rejects(accounts.createAccount('acme', theService), { code: 'AccountExists' });
  assert.deepEqual([world.published.length - before, await feed.outbox.list()], [0, []]);
});

test('which item was refused is told', async () => {
  const { changes } = management;
  const item = (id: string) => ({
    Put: { TableName: 'tsg-hosts', Item: { id }, ConditionExpression: 'attribute_not_exists(id)' },
  });
  const change = { kind: 'account', key: 'none', version: 1, record: { id: 'none' } } as const;
  await changes.commit([item('h1')], [change]);
  await assert.rejects(changes.commit([item('h2'), item('h1')], [change]), (error: ConditionFailed) => {
    assert.deepEqual(error.refused, [false, true, false]);
    return error instanceof ConditionFailed;
  });
});

test('what DynamoDB would not take in one transaction is refused before', async () => {
  const { changes } = management;
  const item = (id: number, text = '') => ({ Put: { TableName: 'tsg-hosts', Item: { id: `many-${id}`, text } } });
  const change = { kind: 'account', key: 'none', version: 1, record: null } as const;
  const many = (count: number, text?: string) => Array.from({ length: count }, (_, i) => item(i, text));
  await changes.commit(many(99), [change]);
  await assert.rejects(changes.commit(many(100), [change]), /101 items with their events; DynamoDB takes 100/);
  await assert.rejects(changes.commit(many(15, 'x'.repeat(300_000)), [change]), /bytes with its events/);
});

test('an event too large for SNS goes without its record; one at the limit fits', () => {
  const change = (chars: number) =>
    ({ kind: 'token', key: 'k', version: 4, record: { text: 'é'.repeat(chars) } }) as const;
  const whole = eventOf(change(99_000), 0);
  const head = eventOf(change(101_000), 0);
  assert.deepEqual([whole.record !== undefined, head.record, head.version], [true, undefined, 4]);
  assert.ok(Buffer.byteLength(encodeEvent(whole)) < 256 * 1024);
  assert.ok(Buffer.byteLength(encodeEvent(head)) < 1024);
});

test('characters that SQS refuses are sent by number', () => {
  const event = eventOf({ kind: 'token', key: 'a\ufffe\uffff\u0000\ud800b', version: 1, record: null }, 0);
  const text = encodeEvent(event);
  assert.doesNotMatch(text, /[^\t\n\r\u0020-\ud7ff\ue000-\ufffd]/);
  assert.deepEqual(JSON.parse(text), event);
});
