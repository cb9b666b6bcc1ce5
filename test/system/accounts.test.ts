// The life of an account on a region with real processes: limits, usage over a kill, suspension, the end.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { until } from '../until.ts';
import { type LocalRegion, startRegion } from './region.ts';
import { Service } from './service.ts';

let region: LocalRegion;
let operator: Service;
let acme: Service;
let id: string;

before(async () => {
  region = await startRegion();
  operator = new Service(region.url, region.adminToken);
  const { json } = await operator.ask('/v1/accounts', {
    body: { name: 'acme', plan: 'trial', limits: { tagSets: 3 } },
  });
  id = json.account.id;
  acme = operator.as(json.token);
  await acme.database('plant');
});

after(() => region.stop());

function change(body: object): Promise<unknown> {
  return operator.ask(`/v1/accounts/${id}`, { method: 'PATCH', body });
}

test('a database takes as many tag sets as its account may have', async () => {
  await acme.write('plant', 'cpu,host=a v=1 1\ncpu,host=b v=1 1\ncpu,host=c v=1 1');
  const headers = { 'Content-Type': 'text/plain' };
  const refused = await acme.ask('/v1/databases/plant/write', { body: 'cpu,host=d v=1 1', headers });
  assert.deepEqual([refused.status, refused.json.code], [422, 'TooManyTagSets'], refused.text);
  await acme.write('plant', 'cpu,host=a v=2 2');
});

test('usage survives a kill of the API: what was written before is there, nothing counts twice', async () => {
  const points = async (): Promise<number> =>
    ((await acme.ask('/v1/usage').catch(() => undefined))?.json?.days ?? []).reduce(
      (sum: number, day: { points: number }) => sum + day.points,
      0,
    );
  await until('the usage to be written', async () => (await points()) === 4);
  await region.replace('api');
  await until('the API to answer', async () => (await points()) === 4);
  await until('a write', async () => {
    const reply = await acme.ask('/v1/databases/plant/write', { body: 'cpu,host=a v=3 3' }).catch(() => undefined);
    return reply?.status === 200;
  });
  await until('the new process to add its own', async () => (await points()) === 5);
});

test('suspended: no data, and again when it is active', async () => {
  await change({ status: 'suspended' });
  const refused = await acme.ask('/v1/databases/plant/series/cpu/query');
  assert.deepEqual([refused.status, refused.json.code], [403, 'AccountSuspended']);
  await change({ status: 'active' });
  assert.equal((await acme.rows('plant', 'cpu')).length, 5);
});

test('closed without grace: databases, tokens and users go, the name is free, usage and audit stay', async () => {
  const { json: user } = await acme.ask('/v1/users', { body: { name: 'ann', role: 'owner' } });
  assert.equal(user.user.role, 'owner');
  const closing = await operator.ask(`/v1/accounts/${id}?grace-hours=0`, { method: 'DELETE' });
  assert.equal(closing.status, 202, closing.text);
  assert.equal((await acme.ask('/v1/databases')).json.code, 'TokenUnknown');
  await until(
    'everything to be removed',
    async () => {
      const { json } = await operator.ask(`/v1/audit?account=${id}&limit=10`);
      return json.entries.some(({ details }: { details?: { removal?: string } }) => details?.removal === 'done');
    },
    60_000,
  );
  const { entries } = (await operator.ask(`/v1/audit?account=${id}&limit=1000`)).json;
  const actions = entries.map(({ action }: { action: string }) => action);
  for (const action of ['deleteDatabase', 'revokeToken', 'removeUser']) assert.ok(actions.includes(action), action);
  assert.equal((await operator.ask(`/v1/accounts/${id}`)).json.account.status, 'closed');
  assert.equal((await operator.ask(`/v1/usage?account=${id}`)).json.days[0].points, 5);
  assert.deepEqual(region.pids().databases, {});
  assert.equal((await operator.ask('/v1/accounts', { body: { name: 'acme' } })).status, 201);
});
