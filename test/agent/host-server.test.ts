import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { createHostServer } from '../../kdb/agent/host-server.ts';
import { codecs, readRequest } from '../../src/kdb/calls/index.ts';
import { decodeInsertFrame } from '../../src/kdb/calls/insert.ts';
import { createEngineClient } from '../../src/kdb/client.ts';
import { decodeMessage } from '../../src/kdb/codec.ts';
import { HostCalls } from '../../src/kdb/host-calls.ts';
import { defaultPoolLimits } from '../../src/kdb/pool.ts';
import type { QValue } from '../../src/kdb/qvalue.ts';
import { fakeQ } from '../kdb/fake-q.ts';
import { batch } from '../kdb/wire/against.ts';
import { temporaryFolder } from '../servers.ts';

const login = { user: 'u', password: 'p' };

/** A journal over two volumes, as kdb/q/journal.q writes it, and the agent's server for it. */
async function journal(t: TestContext) {
  const folder = temporaryFolder();
  const volumes = ['v0', 'v1'].map((name) => join(folder.path, name));
  for (const volume of volumes) mkdirSync(volume);
  const server = await createHostServer({
    host: '127.0.0.1',
    databases: () => [{ databaseId: 'd', ...login, volumes }],
    connections: 6,
  });
  t.after(async () => {
    await server.close();
    folder.remove();
  });
  const path = (generation: number) => join(volumes[generation % 2]!, `journal-${generation}`);
  const write = (generation: number, bytes: number): { generation: bigint; offset: bigint } => {
    appendFileSync(path(generation), Buffer.alloc(bytes));
    return { generation: BigInt(generation), offset: BigInt(statSync(path(generation)).size) };
  };
  const ask = (password = login.password) => {
    const asked = new HostCalls({ host: '127.0.0.1', port: server.port, user: 'u', password }, defaultPoolLimits);
    t.after(() => asked.close(0));
    return asked;
  };
  return { server, path, write, ask };
}

test('what was written is durable, once and again, over files that follow each other and files that are gone', async (t) => {
  const { write, ask, path } = await journal(t);
  const asked = ask();
  const first = write(3, 100);
  await asked.until(first);
  await asked.until(first);
  await asked.until(write(3, 50));
  write(3, 10);
  await asked.until(write(4, 20));
  await asked.until(first);
  write(5, 1);
  rmSync(path(4));
  await asked.until(write(6, 1));
  await Promise.all(Array.from({ length: 200 }, () => asked.until(write(6, 10))));
});

test('what was not written is not durable', async (t) => {
  const { write, ask } = await journal(t);
  const asked = ask();
  const { generation, offset } = write(0, 100);
  await assert.rejects(
    asked.until({ generation, offset: offset + 1n }),
    /StorageFailed journal 0 ends at 100, before 101/,
  );
  await assert.rejects(asked.until({ generation: 1n, offset: 1n }), /StorageFailed ENOENT/);
  await asked.until({ generation, offset });
});

test('another login is refused', async (t) => {
  const { write, ask } = await journal(t);
  await assert.rejects(ask('wrong').until(write(0, 1)), /wrong auth/);
});

test('an insert is acknowledged when the agent has synced it, and not when it could not', async (t) => {
  const { server, write } = await journal(t);
  let ahead = 0n;
  const q = await fakeQ(async (peer) => {
    await peer.welcome();
    for (;;) {
      const frame = await peer.request();
      const receipts = decodeInsertFrame(frame).map(() => {
        const { generation, offset } = write(0, 64);
        return { rows: 1n, late: 0n, catalogueVersion: 1n, generation, offset: offset + ahead };
      });
      const { name } = readRequest(decodeMessage(frame).value);
      if (name === '.tsg.inserts') await peer.reply(codecs['.tsg.inserts'].encodeReply(receipts));
      else await peer.reply(codecs['.tsg.insert'].encodeReply(receipts[0]!));
    }
  });
  const client = createEngineClient({ host: '127.0.0.1', port: q.port, ...login, durablePort: server.port });
  t.after(async () => {
    await client.close();
    await q.close();
  });
  assert.equal((await client.insert(batch(1))).offset, 64n);
  const receipts = await Promise.all(Array.from({ length: 300 }, (_, i) => client.insert(batch(i))));
  assert.equal(new Set(receipts.map(({ offset }) => offset)).size, 300);
  ahead = 1n;
  await assert.rejects(client.insert(batch(2)), /StorageFailed/);
  ahead = 0n;
  await client.insert(batch(3));
});

test('define, drop, delete and retain are acknowledged when all that is written is synced', async (t) => {
  const { server, write } = await journal(t);
  const definition = { series: 'm', tags: [], fields: [] };
  const info = { ...definition, tagSets: 0n, firstNs: null, lastNs: null, rows: 0n };
  const replies: Partial<Record<string, QValue>> = {
    '.tsg.define': codecs['.tsg.define'].encodeReply(info),
    '.tsg.drop': null,
    '.tsg.delete': 1n,
    '.tsg.retain': 1n,
  };
  const q = await fakeQ(async (peer) => {
    await peer.welcome();
    for (;;) await peer.reply(replies[readRequest(decodeMessage(await peer.request()).value).name]!);
  });
  const seen: unknown[] = [];
  const reader = await fakeQ(async (peer) => {
    await peer.welcome();
    for (;;) {
      const { given } = readRequest(decodeMessage(await peer.request()).value);
      seen.push(codecs['.tsg.tags'].decodeArguments(given).position);
      await peer.reply(codecs['.tsg.tags'].encodeReply([]));
    }
  });
  const ports = { port: q.port, readerPorts: [reader.port], durablePort: server.port };
  const client = createEngineClient({ host: '127.0.0.1', ...ports, ...login });
  t.after(async () => {
    await client.close();
    await Promise.all([q.close(), reader.close()]);
  });
  const changes = [
    () => client.define(definition),
    () => client.drop('m'),
    () => client.delete({ series: 'm', fromNs: 0n, toNs: 1n, where: null, dryRun: false }),
    () => client.retain(0n),
  ];
  for (const change of changes) await assert.rejects(change(), /StorageFailed there is no journal/);
  for (const [i, change] of changes.entries()) {
    const position = write(i, 10);
    await change();
    await client.tags('m');
    assert.deepEqual(seen.at(-1), position);
  }
});
