import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { InsertBatch } from '../../src/kdb/engine.ts';
import { stubEngine } from '../kdb/stub-engine.ts';
import type { Reply } from '../system/service.ts';
import { until } from '../until.ts';
import { openApi } from './api.ts';

let stored = 0;
const engine = stubEngine({
  insert: async (batch: InsertBatch) => {
    const rows = batch.parts.reduce((sum, part) => sum + part.row.length, 0);
    stored += rows;
    return { rows: BigInt(rows), late: 0n, catalogueVersion: 1n, generation: 1n, offset: 0n };
  },
});
const { account, database, operator, management, meter } = await openApi({ after }, { engine });

function lines(count: number): string {
  return Array.from({ length: count }, (_, i) => `cpu,host=a usage=1 ${i}`).join('\n');
}

function assertLimited(reply: Reply, limit: string): void {
  assert.deepEqual([reply.status, reply.json.code, reply.json.limit], [429, 'RateLimited', limit], reply.text);
  assert.match(reply.headers.get('retry-after') ?? '', /^[1-9]\d*$/);
}

test('databases: no more than the plan has, also when many are made at once; a larger limit lets more in', async () => {
  const { id, service } = await account('many', { limits: { databases: 3 } });
  const create = (name: string): Promise<Reply> => service.ask('/v1/databases', { body: { name } });
  const replies = await Promise.all(['a', 'b', 'c', 'd', 'e', 'f'].map(create));
  assert.deepEqual(replies.map(({ status }) => status).toSorted(), [202, 202, 202, 409, 409, 409]);
  assert.deepEqual((await create('g')).json.code, 'TooManyDatabases');
  await operator.ask(`/v1/accounts/${id}`, { method: 'PATCH', body: { limits: { databases: 4 } } });
  assert.equal((await create('g')).status, 202);
  const [first] = await management.databases.listDatabases(id);
  await management.databases.remove(first!);
  assert.equal((await create('h')).status, 202);
});

test('users and tokens: no more than the plan has, also when many are made at once', async () => {
  // The account comes with a token.
  const { id, service } = await account('crowd', { limits: { users: 2, tokens: 3 } });
  for (const [kind, left, code] of [
    ['users', 2, 'TooManyUsers'],
    ['tokens', 2, 'TooManyTokens'],
  ] as const) {
    const create = (name: string): Promise<Reply> =>
      service.ask(`/v1/${kind}`, {
        body: kind === 'users' ? { name, role: 'member' } : { name, scopes: ['read'], user: null },
      });
    const replies = await Promise.all(['a', 'b', 'c', 'd', 'e'].map(create));
    assert.equal(replies.filter(({ status }) => status === 201).length, left);
    const refused = replies.find(({ status }) => status !== 201)!;
    assert.deepEqual([refused.status, refused.json.code, refused.json.limit], [409, code, kind]);
    const one = replies.find(({ status }) => status === 201)!.json;
    const path = `/v1/${kind}/${(one.user ?? one.token).id}`;
    for (const name of ['f', 'g']) {
      assert.equal((await service.ask(path, { method: 'DELETE' })).status, name === 'f' ? 204 : 404);
      assert.equal((await create(name)).status, name === 'f' ? 201 : 409);
    }
  }
  await operator.ask(`/v1/accounts/${id}`, { method: 'PATCH', body: { limits: { tokens: 4 } } });
  assert.equal((await service.ask('/v1/tokens', { body: { name: 'more', scopes: ['read'] } })).status, 201);
});

test('tokens: one that has expired does not count, and later is not seen any more', async (t) => {
  const { service } = await account('expiring', { limits: { tokens: 2 } });
  const create = (expiresAt?: string): Promise<Reply> =>
    service.ask('/v1/tokens', { body: { name: 't', scopes: ['read'], ...(expiresAt && { expiresAt }) } });
  const dayMs = 24 * 3_600_000;
  t.after(() => {
    management.clock.aheadMs = 0;
  });
  assert.equal((await create(new Date(Date.now() + dayMs).toISOString())).status, 201);
  assert.equal((await create()).json.code, 'TooManyTokens');
  management.clock.aheadMs += dayMs + 1_000;
  assert.equal((await service.ask('/v1/tokens')).json.tokens.length, 2);
  assert.equal((await create()).status, 201);
  assert.equal((await create()).json.code, 'TooManyTokens');
  management.clock.aheadMs += 7 * dayMs;
  // Whether or not DynamoDB has removed it by now.
  assert.equal((await service.ask('/v1/tokens')).json.tokens.length, 2);
});

test('points per second: what is over is refused and stores nothing, and later it goes on', async () => {
  const { id, service } = await account('points', { limits: { pointsPerSecond: 50 } });
  await database(id, 'plant');
  const write = (count: number): Promise<Reply> =>
    service.ask('/v1/databases/plant/write', { body: lines(count), headers: { 'Content-Type': 'text/plain' } });
  assert.equal((await write(120)).status, 200);
  const before = stored;
  const refused = await write(1);
  assertLimited(refused, 'pointsPerSecond');
  assert.equal(stored, before);
  await until('the debt to be paid', async () => (await write(1)).status === 200);
  assert.equal(stored, before + 1);
});

test('points per second: what is refused for its form counts too', async () => {
  const bodies: [body: string, type: string, status: number][] = [
    [Array.from({ length: 60 }, () => 'x').join('\n'), 'text/plain', 400],
    ['x'.repeat(6_000), 'text/plain', 400],
    [`#${'x'.repeat(6_000)}`, 'text/plain', 200],
    [`[${' '.repeat(6_000)}`, 'application/json', 400],
  ];
  for (const [i, [body, type, status]] of bodies.entries()) {
    const { id, service } = await account(`form-${i}`, { limits: { pointsPerSecond: 50 } });
    await database(id, 'plant');
    const write = (): Promise<Reply> =>
      service.ask('/v1/databases/plant/write', { body, headers: { 'Content-Type': type } });
    assert.equal((await write()).status, status);
    assertLimited(await write(), 'pointsPerSecond');
  }
});

test('query seconds: queries are refused, writes go on', async () => {
  const { id, service } = await account('queries', { limits: { querySecondsPerMinute: 0 } });
  await database(id, 'plant');
  assertLimited(await service.ask('/v1/databases/plant/series/cpu/query'), 'querySecondsPerMinute');
  assertLimited(await service.ask('/v1/databases/plant/series/cpu/latest'), 'querySecondsPerMinute');
  assert.equal((await service.ask('/v1/databases/plant/write', { body: lines(1) })).status, 200);
});

test('storage: over the limit no more points are taken, reads go on; under it, or with a larger limit, it goes on', async () => {
  const { id, service } = await account('storage', { limits: { storageBytes: 1_000 } });
  await database(id, 'plant');
  const write = (): Promise<Reply> => service.ask('/v1/databases/plant/write', { body: lines(1) });
  await management.accounts.judgeStorage(id, 999);
  assert.equal((await write()).status, 200);
  await management.accounts.judgeStorage(id, 1_000);
  const before = stored;
  const refused = await write();
  assert.deepEqual(
    [refused.status, refused.json.code, refused.json.limit],
    [403, 'StorageLimitReached', 'storageBytes'],
  );
  assert.equal(stored, before);
  assert.equal((await service.ask('/v1/databases/plant/series/cpu/query')).status, 200);
  assert.equal((await service.ask('/v1/accounts/self')).json.account.overStorage, true);
  await management.accounts.judgeStorage(id, 10);
  assert.equal((await write()).status, 200);
  await management.accounts.judgeStorage(id, 1_500);
  await operator.ask(`/v1/accounts/${id}`, { method: 'PATCH', body: { limits: { storageBytes: 2_000 } } });
  assert.equal((await write()).status, 200);
});

test('usage: points, queries and bytes per day and database, for those who may see them', async () => {
  const { id, service } = await account('usage');
  await database(id, 'plant');
  await database(id, 'mill');
  await service.ask('/v1/databases/plant/write', { body: lines(7) });
  await service.ask('/v1/databases/mill/write', { body: lines(2) });
  await service.ask('/v1/databases/plant/series/cpu/query');
  await service.ask('/v1/databases/plant/write', { body: 'bad line' });
  await meter.write();
  const plant = (await management.databases.listDatabases(id)).find(({ name }) => name === 'plant')!;
  await management.usage.setStored(plant, 4_096);
  const { days, from, until: end } = (await service.ask('/v1/usage')).json;
  const day = new Date().toISOString().slice(0, 10);
  assert.deepEqual(
    days.map(({ querySeconds: _, ...rest }: { querySeconds: number }) => rest),
    [
      { day, database: 'mill', points: 2, queries: 0, storedBytes: null },
      { day, database: 'plant', points: 7, queries: 1, storedBytes: 4_096 },
    ],
  );
  assert.ok(days[1].querySeconds > 0 && days[1].querySeconds < 10);
  assert.ok(from < day && end > day);
  const token = await service.ask('/v1/tokens', { body: { name: 't', scopes: ['read'], databases: ['mill'] } });
  assert.equal((await service.as(token.json.secret).ask('/v1/usage')).json.days.length, 1);
  assert.equal((await operator.ask(`/v1/usage?account=${id}`)).json.days.length, 2);
  assert.deepEqual((await service.ask('/v1/usage?from=2020-01-01&until=2020-02-01')).json, {
    from: '2020-01-01',
    until: '2020-02-01',
    days: [],
    next: null,
  });
  assert.equal((await service.ask('/v1/usage?from=2010-01-01')).status, 400);
  const long = (await service.ask('/v1/usage?from=-390d')).json;
  assert.deepEqual(long.days, []);
  let { next } = long;
  while (next !== null) {
    const page = (await service.ask(`/v1/usage?from=-390d&cursor=${next}`)).json;
    if (page.next === null) assert.equal(page.days.length, 2);
    next = page.next;
  }
  assert.equal((await service.ask(`/v1/usage?cursor=${long.next}`)).json.code, 'InvalidRequest');
});
