// Writes that are queued: stored before they are answered, applied in order, whatever dies in between.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { deadLetters } from '../../infra/ops/dead-letters.ts';
import { ingest } from '../../src/base/names.ts';
import { DirectoryStore } from '../../src/base/objects/directory.ts';
import { createSqs } from '../../src/tasks/queue.ts';
import { until } from '../until.ts';
import { whileDown } from './durability/outage.ts';
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

test('what the database refuses is named by line; with partial=true the rest is written', async () => {
  await ended(await write('typed v=1 1', 'ack=queued'));
  assert.equal((await write('typed v=', 'ack=queued')).status, 400);
  const refused = await ended(await write('other v=1 1\ntyped v="text" 3', 'ack=queued'));
  assert.deepEqual([refused.state, refused.code, refused.accepted], ['refused', 'FieldTypeClash', 0]);
  assert.deepEqual(
    refused.errors.map(({ line, code }: { line: number; code: string }) => [line, code]),
    [[2, 'FieldTypeClash']],
  );
  const partial = await ended(await write('typed other=1 2\ntyped v="text" 3', 'ack=queued&partial=true'));
  assert.deepEqual([partial.state, partial.accepted, partial.rejected, partial.errors[0].line], ['applied', 1, 1, 2]);
  assert.equal((await service.rows('plant', 'typed')).length, 2);
});

/** Where the region's objects are. */
function objectsOf({ dataDir, names }: LocalRegion): DirectoryStore {
  return new DirectoryStore({ path: join(dataDir, 'regions', names[0]!, 'objects'), link: () => '' });
}

test('what is damaged goes to the dead letters with its reason, and holds up nothing', async () => {
  const worker = region.pids().worker;
  process.kill(worker, 'SIGSTOP');
  const [damaged, whole] = [await write('bad v=1 1', 'ack=queued'), await write('good v=1 1', 'ack=queued')];
  const objects = objectsOf(region);
  const markers = (await Array.fromAsync(objects.list('queued/'))).map(({ key }) => key);
  assert.equal(markers.length, 2);
  await objects.put(markers[0]!.replace('queued', 'batches'), 'no batch');
  process.kill(worker, 'SIGCONT');
  const reason = 'it does not begin as a batch of this version';
  const { state, reason: told } = await ended(damaged);
  assert.deepEqual([state, told], ['dead', reason]);
  assert.equal((await ended(whole)).state, 'applied');
  const { TSG_SQS_ENDPOINT: endpoint } = region.environment();
  const sqs = createSqs({ region: region.names[0]!, endpoint });
  const letters = (await deadLetters(sqs)).filter(({ queue }) => queue === ingest.dead);
  sqs.destroy();
  assert.deepEqual(
    letters.map((letter) => letter.reason),
    [reason],
  );
});

test('a batch that comes twice changes nothing', async () => {
  const reply = await write('twice v=1 1', 'ack=queued');
  await ended(reply);
  await service.write('plant', 'twice v=2 1');
  const objects = objectsOf(region);
  let last = '';
  for await (const { key } of objects.list('outcomes/')) last = key;
  // As if its worker had ended after the insert.
  await objects.remove(last);
  await objects.put(last.replace('outcomes', 'queued'), '');
  await ended(await write('other v=1 1', 'ack=queued'));
  assert.equal((await ended(reply)).repeated, true);
  assert.equal((await service.rows('plant', 'twice'))[0]![1], 2);
});

test('a receipt tells its own database only', async () => {
  const { json } = await write('a v=1 1', 'ack=queued');
  const other = await service.ask('/v1/accounts', { body: { name: 'other' } });
  const stranger = service.as(other.json.token);
  const codeOf = async (asker: Service, receipt: string): Promise<string> =>
    (await asker.ask(`/v1/databases/plant/receipts/${receipt}`)).json.code;
  assert.equal(await codeOf(stranger, json.receipt), 'DatabaseNotFound');
  await stranger.database('plant');
  assert.equal(await codeOf(stranger, json.receipt), 'ReceiptNotFound');
  for (const wrong of ['x', `${json.receipt}A`, 'AZqx'.repeat(5)])
    assert.equal(await codeOf(service, wrong), 'ReceiptNotFound', wrong);
});

test('with spill, what is written while the database is away is applied when it is back', async () => {
  await service.database('spilling', { spill: true });
  const spill = (body: string) => service.ask('/v1/databases/spilling/write', { body });
  assert.equal((await spill('s v=1 1')).status, 200);
  process.kill(region.pids().agent, 'SIGSTOP');
  try {
    for (const pid of Object.values(region.pids().databases)) process.kill(pid, 'SIGKILL');
    const reply = await until('a write to be kept', async () => {
      const kept = await spill('s v=2 2');
      return kept.status === 202 && kept;
    });
    assert.deepEqual({ ...reply.json, receipt: '' }, { receipt: '', accepted: 1, rejected: 0, errors: [] });
    const refused = await until('a write to be refused', async () => {
      const away = await write('s v=2 2');
      return away.status === 503 && away;
    });
    assert.equal(refused.json.code, 'DatabaseUnavailable');
    assert.equal((await write('q v=1 1', 'ack=queued')).status, 202);
  } finally {
    process.kill(region.pids().agent, 'SIGCONT');
  }
  await until(
    'the point to be there',
    async () => {
      const found = await service.ask('/v1/databases/spilling/series/s/query');
      return found.json.rows?.length === 2;
    },
    60_000,
  );
});

/** Each writer waits for its answers, so its own point must end with its last value. */
async function queueMany(writers: number, requests: number): Promise<Map<string, number>> {
  const acknowledged = new Map<string, number>();
  await Promise.all(
    Array.from({ length: writers }, async (_, writer) => {
      for (let i = 0; i < requests; i++) {
        const body = `many,writer=w${writer} v=${i}i ${i + 1}\nlast,writer=w${writer} v=${i}i 1`;
        const reply = await write(body, 'ack=queued').catch(() => undefined);
        if (reply?.status === 202) acknowledged.set(`w${writer} ${i}`, i);
        else await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }),
  );
  return acknowledged;
}

async function allThere(acknowledged: ReadonlyMap<string, number>): Promise<void> {
  const query = 'series/many/query?group-by=writer&field=v';
  await until(
    `${acknowledged.size} writes to be applied`,
    async () => {
      const found = await service.ask(`/v1/databases/plant/${query}`).catch(() => undefined);
      if (found?.status !== 200) return false;
      const there = new Set(
        found.json.rows.map((row: unknown[]) =>
          row.filter((cell) => typeof cell !== 'string' || /^w/.test(cell)).join(' '),
        ),
      );
      return [...acknowledged.keys()].every((key) => there.has(key));
    },
    120_000,
  );
}

test('1,000 queued writes outlive kill -9 of everything, in order', async () => {
  process.kill(region.pids().worker, 'SIGSTOP');
  const acknowledged = await queueMany(20, 50);
  assert.equal(acknowledged.size, 1_000);
  await region.killAll();
  await region.restart();
  service = new Service(region.url, region.adminToken);
  await allThere(acknowledged);
  const found = await service.ask('/v1/databases/plant/series/last/latest');
  assert.equal(found.json.rows.length, 20);
  for (const row of found.json.rows) assert.equal(row.at(-1), 49, JSON.stringify(row));
});

test('kill -9 of API, worker, queue and database in between loses nothing that was answered', async () => {
  await service.ask('/v1/databases/plant/series/many', { method: 'DELETE' });
  const load = queueMany(4, 100);
  for (const name of ['worker', 'fauxqs', 'api'] as const) await region.replace(name);
  await whileDown(region, () => {});
  const acknowledged = await load;
  assert.ok(acknowledged.size > 50, `${acknowledged.size}`);
  await allThere(acknowledged);
});
