// Writes that are queued: stored before they are answered, applied in order, whatever dies in between.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { until } from '../until.ts';
import { type LocalRegion, startRegion } from './region.ts';
import { type Reply, Service } from './service.ts';

let region: LocalRegion;
let service: Service;

before(async () => {
  region = await startRegion();
  service = new Service(region.url, region.adminToken);
  await service.database('plant');
});
after(() => region?.stop());

const write = (body: string, parameters = '', headers = {}): Promise<Reply> =>
  service.ask(`/v1/databases/plant/write?${parameters}`, {
    body,
    headers: { 'content-type': 'text/plain', ...headers },
  });

/** What became of a write that was queued. */
async function ended(reply: Reply): Promise<Reply['json']> {
  assert.equal(reply.status, 202, reply.text);
  return until(
    `${reply.json.receipt} to be applied`,
    async () => {
      const found = await service.ask(`/v1/databases/plant/receipts/${reply.json.receipt}`).catch(() => undefined);
      return found?.status === 200 && found.json.state !== 'queued' && found.json;
    },
    90_000,
  );
}

test('a queued write is applied and its receipt says so', async () => {
  const reply = await write('a v=1 1\na v=2 2', 'ack=queued', { 'idempotency-key': 'k' });
  assert.deepEqual({ ...reply.json, receipt: '' }, { receipt: '', accepted: 2, rejected: 0, errors: [] });
  const { state, accepted, late, repeated } = await ended(reply);
  assert.deepEqual(
    { state, accepted, late, repeated },
    { state: 'applied', accepted: 2, late: 0, repeated: undefined },
  );
  assert.deepEqual(await service.rows('plant', 'a'), [
    ['1970-01-01T00:00:00.000000001Z', 1],
    ['1970-01-01T00:00:00.000000002Z', 2],
  ]);
  assert.equal((await ended(await write('a v=9 1', 'ack=queued', { 'idempotency-key': 'k' }))).repeated, true);
});
