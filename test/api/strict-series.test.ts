// Strict databases: what the management data say is what may be written, whoever dies in between. The database is a real process.

import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { SeriesComparison } from '../../workers/series-comparison.ts';
import { silent } from '../management/region.ts';
import type { Service } from '../system/service.ts';
import { openApi } from './api.ts';
import { MortalDatabase } from './mortal-database.ts';

const process = new MortalDatabase({ after }, 'strict');
await process.start();
const { engine } = process;
const { account, database, management } = await openApi({ after }, { engine });
const { id: accountId, service } = await account('a', { limits: { series: 12 } });
const plant = await database(accountId, 'plant', 'strict');

let count = 0;
/** A series that no other test has. */
const newName = (): string => `s${++count}`;
const path = (series: string): string => `/v1/databases/plant/series/${series}`;
const put = (series: string, fields: Record<string, string>, tags = ['host']): ReturnType<Service['ask']> =>
  service.ask(path(series), { method: 'PUT', body: { tags, fields } });
const remove = (series: string): ReturnType<Service['ask']> => service.ask(path(series), { method: 'DELETE' });
const write = (body: string): ReturnType<Service['ask']> => service.ask('/v1/databases/plant/write', { body });
const fieldsIn = async (series: string): Promise<unknown> =>
  (await service.ask(`/v1/databases/plant/catalogue/${series}`)).json.series?.fields;
const rows = (series: string): Promise<unknown[][]> => service.rows('plant', series, { 'time-format': 'ns' });

test('defined, extended, written, dropped; the catalogue says so, and the audit has one entry for each change', async () => {
  const name = newName();
  assert.equal((await write(`${name},host=a v=1 1`)).status, 400);
  const defined = await put(name, { v: 'float' });
  assert.deepEqual([defined.status, defined.json.series.fields], [200, { v: 'float' }], defined.text);
  await put(name, { v: 'float' });
  const extended = await put(name, { n: 'long' }, ['rack']);
  assert.deepEqual(extended.json.series.tags, ['host', 'rack']);
  assert.deepEqual(await fieldsIn(name), { v: 'float', n: 'long' });
  assert.deepEqual((await put(name, { v: 'long' })).json.code, 'FieldTypeClash');
  assert.deepEqual((await put(name, { host: 'long' })).json.code, 'TagFieldClash');
  await service.write('plant', `${name},host=a,rack=1 v=1,n=2i 1`);
  assert.deepEqual(
    (await service.ask('/v1/databases/plant/catalogue')).json.series.find((one: { name: string }) => one.name === name),
    { name, tags: ['host', 'rack'], fields: { v: 'float', n: 'long' } },
  );
  assert.equal((await remove(name)).status, 204);
  assert.deepEqual([(await remove(name)).status, (await service.ask(path(name))).status], [404, 404]);
  assert.equal(await fieldsIn(name), undefined);
  const { entries } = (await service.ask('/v1/audit')).json;
  assert.deepEqual(
    entries
      .filter((one: { subject: { name: string } }) => one.subject.name === name)
      .map((one: { action: string }) => one.action),
    ['dropSeries', 'defineSeries', 'defineSeries'],
  );
});

test('the process dies before it is told of a series: the next write finds it', async () => {
  const name = newName();
  process.dieBefore('define');
  const cut = await put(name, { v: 'float' });
  assert.deepEqual([cut.status, cut.json.code], [503, 'DatabaseUnavailable'], cut.text);
  assert.deepEqual(await fieldsIn(name), { v: 'float' });
  await process.start();
  await service.write('plant', `${name},host=a v=1 1`);
  assert.deepEqual(await rows(name), [['1', 'a', 1]]);
});

test('the process is never told of tags and fields: the next write, and the next definition, find them', async () => {
  const [left, right] = [newName(), newName()];
  for (const name of [left, right]) {
    await put(name, { v: 'float' });
    process.lose('define');
    assert.equal((await put(name, { n: 'long' }, ['rack'])).status, 503);
  }
  // What is not defined is refused as ever, and with it the whole request.
  const refused = await write(`${left},host=a v=1 1\n${right},host=a n=1i,x=1 1`);
  assert.deepEqual(
    refused.json.errors.map(({ line, code }: Record<string, unknown>) => [line, code]),
    [[2, 'FieldNotDefined']],
    refused.text,
  );
  await service.write('plant', `${left},host=a,rack=1 n=1i 1\n${right},rack=2 n=2i 1`);
  assert.deepEqual(await rows(right), [['1', '', '2', null, 2]]);
  const other = newName();
  process.lose('define');
  assert.equal((await put(other, { v: 'float' })).status, 503);
  const again = await put(other, { w: 'float' });
  assert.deepEqual([again.status, again.json.series.fields], [200, { v: 'float', w: 'float' }]);
});

for (const next of ['drop', 'define'] as const) {
  test(`a series is not dropped in the process: the next ${next} does so, and its points never come back`, async () => {
    const name = newName();
    await put(name, { v: 'float' });
    await service.write('plant', `${name},host=old v=1 1`);
    if (next === 'drop') process.dieBefore('drop');
    else process.lose('drop');
    assert.equal((await remove(name)).status, 503);
    assert.equal(await fieldsIn(name), undefined);
    if (next === 'drop') {
      await process.start();
      assert.equal((await remove(name)).status, 204);
      assert.equal((await remove(name)).status, 404);
    }
    // Also with another type than it had.
    assert.equal((await put(name, { v: 'string' })).status, 200);
    assert.deepEqual(await rows(name), []);
  });
}

test('definitions of one series at the same time all come to be', async () => {
  const name = newName();
  const fields = Array.from({ length: 6 }, (_, i) => `f${i}`);
  const replies = await Promise.all(fields.map((field) => put(name, { [field]: 'float' })));
  const taken = fields.filter((_, i) => replies[i]!.status === 200);
  // One that lost five times in a row is told so.
  for (const { status, json } of replies) if (status !== 200) assert.equal(json.code, 'Conflict');
  assert.ok(taken.length >= 5, `${taken.length}`);
  assert.deepEqual(Object.keys((await service.ask(path(name))).json.series.fields).toSorted(), taken);
});

test('a series is defined and dropped at the same time: process and management data end up equal', async () => {
  const connect = (): never => assert.fail('it is given');
  const comparison = new SeriesComparison({ management, connect, log: silent });
  const name = newName();
  for (let round = 0; round < 10; round++) {
    const replies = await Promise.all([put(name, { v: 'float' }), remove(name), put(name, { w: 'float' })]);
    for (const { status, text } of replies) assert.ok([200, 204, 404, 409].includes(status), text);
  }
  // What crossed is mended by a comparison; the next one finds nothing.
  for (let round = 1; !(await comparison.compare(plant, engine)); round++) assert.ok(round < 4);
});

test('no more series than the plan has', async () => {
  const { series } = await management.series.readHead(plant.id);
  for (let i = series; i < 12; i++) assert.equal((await put(newName(), { v: 'float' })).status, 200);
  const refused = await put('one-more', { v: 'float' });
  assert.deepEqual([refused.status, refused.json.code], [409, 'TooManySeries'], refused.text);
  assert.equal((await remove(`s${count}`)).status, 204);
  assert.equal((await put('one-more', { v: 'float' })).status, 200);
});
