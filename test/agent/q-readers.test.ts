import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { qProgram } from '../../kdb/agent/program.ts';
import { createEngineClient } from '../../src/kdb/client.ts';
import { batchOf, point, queryOf, rowsOf } from '../engines/points.ts';
import { code } from '../kdb/wire/against.ts';
import { until } from '../until.ts';
import { testHost, wanted } from './host.ts';

// A writer and a reader of kdb/q, by the interpreter, under the agent.

const program = qProgram({
  program: join(import.meta.dirname, '../kdb/q/interpreter/q'),
  ...{ readers: 1, connections: 6, threads: 0, memoryMb: 1_024, timeoutS: 30 },
  ...{ numaNode: undefined, home: undefined, licence: undefined },
});
const { user, password } = wanted;
const all = queryOf('m', { fields: ['f'] });
const ahead = { position: { generation: 999n, offset: 0n } };

test('a reader of q follows its writer, says when it is behind, and answers no writes', async (t) => {
  const agent = testHost(t).agent({ program });
  await agent.start();
  await agent.put('db-1', wanted);
  await until('the reader is known', () => agent.get('db-1')!.endpoint?.readerPorts !== undefined);
  const { host, port, readerPorts } = agent.get('db-1')!.endpoint!;
  const client = createEngineClient({ host, port, user, password, readerPorts: readerPorts! });
  const reader = createEngineClient({ host, port: readerPorts![0]!, user, password, readerPorts: readerPorts! });
  t.after(() => Promise.all([client.close(), reader.close()]));
  for (let i = 0; i < 10; i++) {
    await client.insert(batchOf([point('m', { host: 'a' }, BigInt(i), { f: i })]));
    assert.equal(rowsOf(await client.query(all)).length, i + 1);
  }
  await client.checkpoint();
  assert.equal(rowsOf(await client.query(all)).length, 10);
  // Both processes of this client are the reader: nobody else is asked.
  assert.equal(rowsOf(await reader.query(all)).length, 10);
  assert.equal((await reader.tags('m'))[0]!.values[0], 'a');
  await assert.rejects(reader.query({ ...all, ...ahead }), code('ReaderBehind'));
  await assert.rejects(reader.latest({ series: 'm', where: null, fields: [], ...ahead }), code('ReaderBehind'));
  await assert.rejects(reader.retain(0n), code('BadCall'));
  await assert.rejects(reader.stats(), code('BadCall'));
  // The writer, which has all there is, does not look.
  assert.equal(rowsOf(await client.query({ ...all, ...ahead })).length, 10);
});
