// Lists that are longer than what one reply should hold.

import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { theService } from '../../src/management/audit.ts';
import { stubEngine } from '../kdb/stub-engine.ts';
import { openApi } from './api.ts';

const engine = stubEngine();
const { account, database, management } = await openApi({ after }, { engine });
const { id, service } = await account('acme');
const plant = await database(id, 'plant', 'strict');
/** DynamoDB's of a page, and what the JSON around it may add. */
const maxBytes = 1.5 * 1024 * 1024;

// biome-ignore lint/suspicious/noExplicitAny: records of several kinds
async function pages(path: string, list: string): Promise<any[][]> {
  const all = [];
  let next = '';
  do {
    const reply = await service.ask(`${path}${next}`);
    assert.equal(reply.status, 200, reply.text);
    assert.ok(reply.text.length < maxBytes, `${reply.text.length} bytes`);
    all.push(reply.json[list]);
    next = reply.json.next === null ? '' : `${path.includes('?') ? '&' : '?'}cursor=${reply.json.next}`;
  } while (next !== '');
  return all;
}

function assertEachOnce(found: readonly string[][], expected: readonly string[]): void {
  assert.ok(found.length > 1);
  assert.deepEqual(found.flat().toSorted(), expected.toSorted());
}

test('tokens that name many databases, and their audit', async () => {
  const databases = Array.from({ length: 100 }, (_, i) => `${i}`.padEnd(255, 'x'));
  const names = Array.from({ length: 60 }, (_, i) => `t${i}`);
  for (const name of names)
    await management.tokens.createToken({ accountId: id, name, scopes: ['read'], databases }, theService);
  const named = (found: { name: string }[][]) => found.map((page) => page.map(({ name }) => name));
  assertEachOnce(named(await pages('/v1/tokens', 'tokens')), ['first', ...names]);
  const audit = (await pages('/v1/audit?limit=1000', 'entries')).map((page) =>
    page.map(({ subject }: { subject: { name: string } }) => subject.name),
  );
  assertEachOnce(audit, ['acme', 'first', 'plant', ...names]);
});

test('series with many fields', async () => {
  const fields = Array.from({ length: 1_000 }, (_, i) => ({ name: `${i}`.padEnd(200, 'x'), type: 'float' as const }));
  const names = Array.from({ length: 8 }, (_, i) => `s${i}`);
  for (const series of names) {
    const deed = { accountId: 'elsewhere', by: theService, action: 'defineSeries' };
    const subject = { kind: 'series', id: series, name: series } as const;
    await management.series.store(
      plant,
      { version: 0, record: null },
      { series, tags: [], fields },
      { maxSeries: null, deed: { ...deed, subject } },
    );
  }
  const found = await pages('/v1/databases/plant/catalogue', 'series');
  assertEachOnce(
    found.map((page) => page.map(({ name }) => name)),
    names,
  );
  assert.equal((await Array.fromAsync(management.series.everySeries(plant.id))).length, names.length);
});

test('series of the database process', async () => {
  assert.deepEqual((await service.ask('/v1/databases/plant/series')).json, { series: [], next: null });
  const info = { tags: [], fields: [], tagSets: 0n, firstNs: null, lastNs: null, rows: 0n };
  const names = ['a', 'x é', 'z'];
  engine.series = async ({ after, limit }) => {
    const left = names.filter((name) => after === null || name > after);
    const some = left.slice(0, limit);
    return { series: some.map((series) => ({ ...info, series })), next: left.length > limit ? some.at(-1)! : null };
  };
  const found = await pages('/v1/databases/plant/series?limit=1', 'series');
  assert.deepEqual(
    found.map((page) => page.map(({ name }) => name)),
    [['a'], ['x é'], ['z']],
  );
  for (const limit of ['0', '1001', 'x'])
    assert.equal((await service.ask(`/v1/databases/plant/series?limit=${limit}`)).json.code, 'InvalidRequest');
});

test('users; a cursor of no page gives nothing else', async () => {
  for (const name of ['zoe', 'ann']) await service.ask('/v1/users', { body: { name, role: 'viewer' } });
  const list = async (query = '') => (await service.ask(`/v1/users${query}`)).json;
  const { users, next } = await list();
  assert.deepEqual([users.map(({ name }: { name: string }) => name), next], [['ann', 'zoe'], null]);
  assert.deepEqual(await list(`?cursor=${Buffer.from('a').toString('base64url')}`), { users, next });
  assert.equal((await list('?cursor=')).code, 'InvalidRequest');
});
