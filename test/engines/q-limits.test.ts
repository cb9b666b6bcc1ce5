// Memory that is nearly full, and a reader that does not take its messages; run by our interpreter of q.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from '../until.ts';
import { batchOf, point, queryOf } from './points.ts';
import { clientOf, freePort, interpreter, scriptsWith, startQ } from './q-process.ts';
import { volumesFor } from './store-in-temp.ts';

test('with most of -w in use writes are refused, reads go on, and a merge begins', async (t) => {
  const volumes = volumesFor(t, 1);
  const roomy = await startQ(interpreter, volumes, { workspaceMb: 100_000 });
  t.after(() => roomy.stop('SIGKILL'));
  const before = clientOf(roomy);
  t.after(() => before.close());
  const batch = (i: number) => batchOf([point('m', { host: 'a' }, BigInt(i), { f: i })]);
  for (const i of [0, 1]) await before.insert(batch(i));
  await roomy.stop('SIGKILL');

  const full = await startQ(interpreter, volumes, { workspaceMb: 1 });
  t.after(() => full.stop('SIGKILL'));
  const client = clientOf(full);
  t.after(() => client.close());
  await assert.rejects(client.insert(batch(2)), /EngineBusy/);
  assert.equal((await client.query(queryOf('m'))).rows, 2);
  await until('rows are in parts', async () => {
    const { parts, hotRows } = await client.stats();
    return parts > 0n && hotRows === 0n;
  });
  assert.equal((await client.query(queryOf('m'))).rows, 2);
});

test('a reader that does not take its messages is left, and ends', async (t) => {
  const volumes = volumesFor(t, 1);
  const port = await freePort();
  const main = scriptsWith(t, { maxQueuedBytes: '1000' });
  const writer = await startQ(interpreter, volumes, { port, main });
  t.after(() => writer.stop('SIGKILL'));
  const client = clientOf(writer);
  t.after(() => client.close());
  const reader = await startQ(interpreter, volumes, { port, role: ['reader', '-listen', '0'] });
  t.after(() => reader.stop('SIGKILL'));
  reader.child.kill('SIGSTOP');
  // The kernel takes some megabytes before any wait in the writer.
  const fields = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`f${i}`, i]));
  let timeNs = 0n;
  const later = () => batchOf(Array.from({ length: 10_000 }, () => point('m', {}, timeNs++, fields)));
  await until(
    'it is left',
    async () => {
      await client.insert(later());
      return writer.log.some((line) => line.includes('readers that do not keep up are left'));
    },
    60_000,
  );
  reader.child.kill('SIGCONT');
  await until('it ends', () => reader.child.exitCode !== null);
  assert.ok(reader.log.includes('the writer is gone'), reader.log.join('\n'));
  assert.equal((await client.query(queryOf('m', { limit: 1 }))).rows, 1);
});
