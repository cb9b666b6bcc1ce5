import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, test } from 'node:test';
import { ConditionFailed, createDynamo, putItem, readItem } from '../../src/management/dynamo.ts';
import { createDynamoClock } from '../../src/management/dynamo-clock.ts';
import { region } from './region.ts';

const noon = Date.parse('2026-01-01T12:00:00Z');
/** What the server does next. */
const next = { date: new Date(noon).toUTCString() as string | undefined, status: 200, tookMs: 0 };
let elapsedMs = 0;

const server = createServer((request, response) => {
  elapsedMs += next.tookMs;
  response.sendDate = false;
  if (next.date !== undefined) response.setHeader('date', next.date);
  request.resume().once('end', () => {
    response
      .writeHead(next.status, { 'content-type': 'application/x-amz-json-1.0' })
      .end(
        next.status === 200 ? '{}' : '{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException"}',
      );
  });
}).listen(0, '127.0.0.1');
await new Promise((resolve) => server.once('listening', resolve));
const dynamo = createDynamo({ region, endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
after(() => {
  dynamo.destroy();
  server.close();
});

let wallMs = noon;
const clock = createDynamoClock(dynamo, { wallMs: () => wallMs, elapsedMs: () => elapsedMs });
const ask = () => readItem(dynamo, 'tsg-accounts', { id: 'none' });

/** Of the machine's clock, after an answer that was written at noon. */
for (const [title, aheadMs, answer, expectedMs] of [
  ['a clock that is right is left alone', 400, {}, 400],
  ['one that is a second off too', -1_000, {}, -1_000],
  ['one that is minutes ahead is corrected', 300_000, {}, 500],
  ['one that is minutes behind is corrected', -300_000, {}, 500],
  ['half of the time that the answer took has passed', 300_000, { tookMs: 400 }, 700],
  ['an answer that took long says nothing', 300_000, { tookMs: 1_500 }, 300_000],
  ['nor does one without a time', 300_000, { date: undefined }, 300_000],
  ['nor one with another text for it', 300_000, { date: 'soon' }, 300_000],
] as const)
  test(title, async () => {
    wallMs = noon;
    Object.assign(next, { date: new Date(noon).toUTCString(), status: 200, tookMs: 0 });
    await ask();
    Object.assign(next, answer);
    wallMs = noon + aheadMs;
    await ask();
    assert.equal(clock() - noon, expectedMs);
  });

test('it goes on between answers, does not jump with each, and lets go when the machine is set right', async () => {
  Object.assign(next, { date: new Date(noon).toUTCString(), status: 200, tookMs: 0 });
  wallMs = noon + 300_000;
  await ask();
  elapsedMs += 900;
  assert.equal(clock(), noon + 1_400);
  // Still the same second there.
  await ask();
  assert.equal(clock(), noon + 1_400);
  wallMs = noon + 900;
  await ask();
  assert.equal(clock(), wallMs);
});

test('an answer that refuses tells the time as well', async () => {
  Object.assign(next, { date: new Date(noon).toUTCString(), status: 400, tookMs: 0 });
  wallMs = noon - 300_000;
  await assert.rejects(putItem(dynamo, 'tsg-accounts', { id: 'a' }, { expression: 'x' }), ConditionFailed);
  assert.equal(clock(), noon + 500);
});
