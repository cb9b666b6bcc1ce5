import assert from 'node:assert/strict';
import { test } from 'node:test';
import { batchOf, point, queryOf, rowsOf } from '../../engines/points.ts';
import { openStore, volumesFor } from '../../engines/store-in-temp.ts';

const count = queryOf('m', { fromNs: 0n, toNs: 10n ** 18n, select: [{ op: 'count', field: 'f', as: 'n' }], limit: 1 });

test('a database that is held takes no writes and answers reads; what came before is in', async (t) => {
  const volumes = volumesFor(t, 2);
  const store = await openStore(volumes);
  const insert = (i: number) => store.insert(batchOf([point('m', { host: 'a' }, BigInt(i), { f: i })]));
  await insert(0);
  const sent = Promise.allSettled(Array.from({ length: 50 }, (_, i) => insert(i + 1)));
  await store.hold(true);
  const taken = (await sent).filter(({ status }) => status === 'fulfilled').length;
  const rows = async () => Number(rowsOf(await store.query(count))[0]![0]);
  assert.equal(await rows(), taken + 1);
  const all = { series: 'm', fromNs: 0n, toNs: 10n ** 18n, where: null };
  const refused: (() => Promise<unknown>)[] = [
    () => insert(100),
    () => store.define({ series: 'n', tags: [], fields: [] }),
    () => store.drop('m'),
    () => store.delete({ ...all, dryRun: false }),
    () => store.retain(10n ** 18n),
  ];
  for (const write of refused) await assert.rejects(write, { code: 'DatabaseHeld' });
  assert.equal(await store.delete({ ...all, dryRun: true }), BigInt(taken + 1));
  await store.checkpoint();
  assert.ok((await store.backup('last')).length > 0);
  assert.equal(await rows(), taken + 1);
  await store.hold(false);
  await insert(100);
  await store.close();
  const again = await openStore(volumes, { held: true });
  t.after(() => again.close());
  await assert.rejects(again.insert(batchOf([point('m', { host: 'a' }, 1n, { f: 1 })])), { code: 'DatabaseHeld' });
});
