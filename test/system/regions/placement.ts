// Three regions: everything is managed from everywhere, a database is served where it is. The clocks of one region are five minutes ahead, those of another five behind.

import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { until } from '../../until.ts';
import type { LocalRegion } from '../region.ts';
import { type Reply, Service } from '../service.ts';
import { callers, home, names, sharedWorld, south, west } from './world.ts';

let regions: LocalRegion;
/** The operator, by region. */
let at: Record<string, Service>;

before(async () => {
  regions = await sharedWorld();
  at = callers(regions, regions.adminToken);
});

function assertElsewhere(reply: Reply, region: string, path: string): void {
  assert.deepEqual(
    [reply.status, reply.json?.code, reply.json?.region, reply.json?.endpoint],
    [421, 'WrongRegion', region, regions.urlOf(region)],
  );
  assert.equal(reply.headers.get('link'), `<${regions.urlOf(region)}${path}>; rel="alternate"`);
}

test('each API names its region, and the banner has them all', async () => {
  for (const name of names) {
    assert.equal((await at[name]!.ask('/ready', { token: null })).json.region, name);
    assert.ok(regions.output.includes(regions.urlOf(name)));
  }
});

for (const [name, from, where] of [
  ['west', home, west],
  ['south', west, south],
  ['home', south, home],
] as const) {
  test(`a database created in ${from} for ${where} is served there, and the others say so`, async () => {
    await at[from]!.database(name, { region: where });
    assert.equal(await at[where]!.write(name, 'cpu,host=a usage=1 1'), 1);
    for (const other of names.filter((each) => each !== where)) {
      const path = `/v1/databases/${name}/write?precision=s`;
      assertElsewhere(await at[other]!.ask(path, { body: 'cpu,host=a usage=2 2' }), where, path);
      const query = `/v1/databases/${name}/series/cpu/query?from=0`;
      const elsewhere = await at[other]!.ask(query);
      assertElsewhere(elsewhere, where, query);
      const link = /^<(.*)>/.exec(elsewhere.headers.get('link')!)![1]!;
      const followed = await new Service('', regions.adminToken).ask(link);
      assert.equal(followed.json.rows.length, 1);
    }
  });
}

test('what is defined in a database can be read in every region, a moment after it was written', async () => {
  for (const name of names) {
    await until(`the catalogue in ${name}`, async () => {
      const { status, json } = await at[name]!.ask('/v1/databases/west/catalogue/cpu');
      return status === 200 && json.series.fields.usage === 'float';
    });
    const { json } = await at[name]!.ask('/v1/databases/west/catalogue');
    assert.deepEqual(json.series, [{ name: 'cpu', tags: ['host'], fields: { usage: 'float' } }]);
  }
});

test('a long body for a database elsewhere gets its answer too', async () => {
  const path = '/v1/databases/west/write';
  assertElsewhere(await at[home]!.ask(path, { body: Buffer.alloc(20_000_000, 'a') }), west, path);
});

test('the databases are listed in every region, with their regions and endpoints', async () => {
  for (const name of names) {
    const { databases } = (await at[name]!.ask('/v1/databases')).json;
    assert.deepEqual(
      Object.fromEntries(
        databases.map((each: Record<string, string>) => [each['name'], [each['region'], each['endpoint']]]),
      ),
      { west: [west, regions.urlOf(west)], south: [south, regions.urlOf(south)], home: [home, regions.urlOf(home)] },
    );
  }
});

test('a region that the service does not have is refused, and those that it has are named', async () => {
  const reply = await at[west]!.ask('/v1/databases', { body: { name: 'mars', region: 'mars-1' } });
  assert.deepEqual([reply.status, reply.json.code], [400, 'InvalidRequest']);
  for (const name of names) assert.ok(reply.json.message.includes(name), reply.json.message);
});

test('a token made in one region is good in the others until it expires, whatever the clocks there say', async () => {
  for (const [name, lastsMs] of [
    [south, 120_000],
    [west, 120_000],
    [home, 3_000],
  ] as const) {
    const expiresAt = new Date(Date.now() + lastsMs).toISOString();
    const made = await at[name]!.ask('/v1/tokens', { body: { name: 'reader', scopes: ['read'], expiresAt } });
    assert.equal(made.status, 201, made.text);
    const offMs = Date.parse(made.json.token.createdAt) - Date.now();
    assert.ok(Math.abs(offMs) < 60_000, `${name} is off by ${offMs} ms`);
    for (const other of names) {
      const asked = async () => (await at[other]!.as(made.json.secret).ask('/v1/databases')).status;
      if (lastsMs > 60_000) assert.equal(await asked(), 200, `made in ${name}, used in ${other}`);
      else await until(`it to have expired in ${other}`, async () => (await asked()) === 401);
    }
  }
});

test('another API of a region serves the same, beside its own cache', async () => {
  const api = await regions.startApi(west, `${west}b`);
  try {
    const service = new Service(api.url, regions.adminToken);
    assert.equal((await service.rows('west', 'cpu', { from: '0' })).length, 1);
  } finally {
    await api.stop();
  }
});

test('a backup of one region is restored in another, asked for in a third, though the worker there is killed', async () => {
  const lines = Array.from({ length: 500 }, (_, i) => `m,host=h${i % 7} v=${i} ${i + 1}`).join('\n');
  await at[west]!.write('west', lines);
  const asked = await at[west]!.ask('/v1/databases/west/backups', { body: {} });
  await at[west]!.taskDone(asked.json.task.id);
  const { json } = await at[west]!.ask('/v1/databases/west/backups');
  const [{ id: backup, region }] = json.backups;
  assert.equal(region, west);
  const restore = await at[home]!.ask('/v1/restores', { body: { backup, name: 'west again', region: south } });
  assert.equal(restore.status, 202, restore.text);
  process.kill(regions.pids(south).worker, 'SIGKILL');
  await at[south]!.taskDone(restore.json.task.id);
  const query = { from: '0', limit: '1000' };
  assert.deepEqual(
    await at[south]!.rows(encodeURIComponent('west again'), 'm', query),
    await at[west]!.rows('west', 'm', query),
  );
  await at[south]!.write(encodeURIComponent('west again'), 'm,host=h1 v=1 1000');
});

test('cut off from home, a region serves its data and refuses changes; afterwards all is as before', async () => {
  const write = (): Promise<Reply> => at[west]!.ask('/v1/databases/west/write', { body: 'cpu,host=b usage=1 1' });
  assert.equal((await write()).status, 200);
  const way = regions.proxy(west);
  await way.cut();
  try {
    const refused = await at[west]!.ask('/v1/tokens', { body: { name: 'late', scopes: ['read'] } });
    assert.deepEqual([refused.status, refused.json.code], [503, 'MetadataUnavailable']);
    assert.ok(Number(refused.headers.get('retry-after')) > 0);
    assert.equal((await write()).status, 200);
    assert.equal((await at[home]!.ask('/v1/tokens')).status, 200);
  } finally {
    await way.heal();
  }
  const again = (): Promise<Reply> => at[west]!.ask('/v1/tokens', { body: { name: 'late', scopes: ['read'] } });
  await until('a change in the region', async () => (await again()).status === 201);
});

test('a database is deleted from any region, and its name is free in all of them', async () => {
  const deleted = await at[south]!.ask('/v1/databases/west?confirm=west', { method: 'DELETE' });
  assert.equal(deleted.status, 202, deleted.text);
  await at[home]!.taskDone(deleted.json.task.id);
  for (const name of names) {
    await until(`${name} to know`, async () => (await at[name]!.ask('/v1/databases/west')).status === 404);
  }
  await at[home]!.database('west', { region: home });
  assert.equal(await at[home]!.write('west', 'cpu,host=a usage=1 1'), 1);
});
