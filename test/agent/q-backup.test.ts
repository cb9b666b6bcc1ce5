import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import type { Agent } from '../../kdb/agent/agent.ts';
import { qProgram } from '../../kdb/agent/program.ts';
import { createEngineClient, type EngineClient } from '../../src/kdb/client.ts';
import { batchOf, point, queryOf, rowsOf } from '../engines/points.ts';
import { until } from '../until.ts';
import { directoriesOf, testHost, wanted } from './host.ts';

// Files of a q database on their way out and in, by the interpreter of kdb/q.

const program = qProgram({
  program: join(import.meta.dirname, '../kdb/q/interpreter/q'),
  ...{ readers: 0, connections: 6, threads: 0, memoryMb: 1_024, timeoutS: 30 },
  ...{ numaNode: undefined, home: undefined, licence: undefined },
});

const all = queryOf('m', { fields: ['f', 's'] });

async function clientOf(agent: Agent, id: string): Promise<EngineClient> {
  await until(`${id} runs`, () => agent.get(id)!.state === 'running');
  const { host, port } = agent.get(id)!.endpoint!;
  return createEngineClient({ host, port, user: wanted.user, password: wanted.password });
}

test('a backup of q goes through the agent into a new database, whole or up to a moment, on other volumes', async (t) => {
  const host = testHost(t);
  const agent = host.agent({ program });
  await agent.start();
  await agent.put('source', wanted);
  const source = await clientOf(agent, 'source');
  t.after(() => source.close());
  const insert = (i: number) =>
    source.insert(batchOf([point('m', { host: `h${i % 3}` }, BigInt(i), { f: i, s: `text ${i}` })]));
  for (let i = 0; i < 4; i++) await insert(i);
  await source.checkpoint();
  for (let i = 4; i < 6; i++) await insert(i);
  const untilMs = Date.now();
  await until('the clock is further', () => Date.now() > untilMs + 1);
  await insert(6);

  const files = await source.backup('b1');
  assert.match(files.map(({ path }) => path).join(' '), /backup-b1\/manifest .*backup-b1\/part-\d{10}-f1-text /);
  const fill = async (id: string, volumes: number): Promise<void> => {
    await agent.put(id, { ...wanted, volumes, filling: true });
    for (const { volume, path, sha256 } of files) {
      const opened = await agent.readFile('source', volume, path.split('/'), null);
      const contents = await buffer(opened!.stream);
      assert.equal(createHash('sha256').update(contents).digest('hex'), sha256);
      await agent.writeFile(
        id,
        volume % volumes,
        path.split('/')[1]!,
        sha256,
        (async function* () {
          yield contents;
        })(),
      );
    }
  };
  await fill('whole', 3);
  await agent.startFilled('whole', { recover: null });
  const whole = await clientOf(agent, 'whole');
  t.after(() => whole.close());
  assert.deepEqual(rowsOf(await whole.query(all)), rowsOf(await source.query(all)));
  assert.equal(agent.get('whole')!.recovered!.records, 3);

  await fill('moment', 1);
  await agent.startFilled('moment', { recover: { untilMs } });
  const moment = await clientOf(agent, 'moment');
  t.after(() => moment.close());
  const expected = rowsOf(await source.query(all)).slice(0, 6);
  assert.deepEqual(rowsOf(await moment.query(all)), expected);
  const { recovered } = agent.get('moment')!;
  assert.deepEqual([recovered!.untilMs, recovered!.records], [untilMs, 2]);
  assert.ok(recovered!.lastArrivalMs! <= untilMs);

  // What was left out stays out, also after a crash.
  const [, , running] = agent.processes();
  process.kill(running!.pid!, 'SIGKILL');
  await until('it ended', () => running!.restarts > 0);
  const again = await clientOf(agent, 'moment');
  t.after(() => again.close());
  assert.deepEqual(rowsOf(await again.query(all)), expected);

  // The file that the checkpoint closed waits for the object store.
  const shipped = directoriesOf(host, 'source').flatMap((directory) =>
    existsSync(join(directory, 'shipping')) ? readdirSync(join(directory, 'shipping')) : [],
  );
  assert.deepEqual(shipped, ['journal-0000000000.log']);
});
