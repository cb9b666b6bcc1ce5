import assert from 'node:assert/strict';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { StartTurns } from '../../kdb/agent/start-turns.ts';
import { until } from '../until.ts';
import { directoriesOf, type TestHost, testHost, wanted } from './host.ts';

const never = new AbortController().signal;

test('so many at once, the others in the order in which they came; a turn ends once', async () => {
  const turns = new StartTurns(2);
  const begun: string[] = [];
  const take = async (name: string) => {
    const end = await turns.take(never);
    begun.push(name);
    return end;
  };
  const [a, b, c, d, e] = ['a', 'b', 'c', 'd', 'e'].map(take);
  const endA = await a!;
  await b;
  assert.deepEqual([begun, turns.waiting], [['a', 'b'], 3]);
  assert.equal(turns.reason, 'it waits for its turn: 2 other databases are starting');
  endA();
  endA();
  await c;
  assert.deepEqual([begun, turns.waiting], [['a', 'b', 'c'], 2]);
  for (const turn of [b, c]) (await turn!)();
  for (const turn of [d, e]) (await turn!)();
  assert.deepEqual([begun.length, turns.waiting, turns.reason], [5, 0, null]);
});

test('who is stopped waits no more, and keeps nobody waiting', async () => {
  const turns = new StartTurns(1);
  const end = await turns.take(never);
  const stop = new AbortController();
  const stopped = turns.take(stop.signal);
  const next = turns.take(never);
  stop.abort();
  (await stopped)();
  assert.equal(turns.waiting, 1);
  end();
  (await next)();
  (await turns.take(stop.signal))();
  assert.equal(turns.reason, null);
});

test('who takes long is not waited for', async () => {
  const turns = new StartTurns(1, 20);
  const slow = await turns.take(never);
  // Its timer does not keep a process alive, and nothing else does here.
  const alive = setInterval(() => {}, 1_000);
  const end = await turns.take(never);
  clearInterval(alive);
  slow();
  assert.notEqual(turns.reason, null);
  end();
  assert.equal(turns.reason, null);
});

const ids = ['db-1', 'db-2', 'db-3', 'db-4', 'db-5'];

/** Databases of an agent that was there before, which now start slowly. */
async function slowHost(t: TestContext): Promise<{ host: TestHost; slow: (id: string) => string }> {
  const host = testHost(t);
  const first = host.agent();
  await first.start();
  for (const id of ids) await first.put(id, wanted);
  await first.stop();
  const slow = (id: string) => join(directoriesOf(host, id)[0]!, 'slow');
  for (const id of ids) writeFileSync(slow(id), '');
  return { host, slow };
}

test('after a reboot a few databases start at once, the others say what they wait for', async (t) => {
  const { host, slow } = await slowHost(t);
  const agent = host.agent({ startTurns: new StartTurns(2) });
  await agent.start();
  const starting = () => ids.filter((id) => existsSync(`${slow(id)}.begun`));
  for (let left = ids.length; left > 0; left--) {
    const atOnce = Math.min(2, left);
    const begun = await until('as many as may start', () => starting().length === atOnce && starting());
    const waiting = () =>
      agent.list().filter(({ fault }) => fault === 'it waits for its turn: 2 other databases are starting');
    await until('the others say what they wait for', () => waiting().length === left - atOnce);
    assert.ok(waiting().every(({ state }) => state === 'starting'));
    rmSync(`${slow(begun[0]!)}.begun`);
    rmSync(slow(begun[0]!));
    await until('it runs', () => agent.get(begun[0]!)?.state === 'running');
    assert.equal(agent.get(begun[0]!)?.fault, null);
  }
});

test('a database that replays for long does not keep the others from running', async (t) => {
  const { host, slow } = await slowHost(t);
  for (const id of ids.slice(1)) rmSync(slow(id));
  const agent = host.agent({ startTurns: new StartTurns(1, 500) });
  await agent.start();
  await until('the others run', () => ids.slice(1).every((id) => agent.get(id)?.state === 'running'));
  assert.equal(agent.get('db-1')?.state, 'starting');
  await agent.stop();
});
