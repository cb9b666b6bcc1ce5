import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { createHostServer } from '../../kdb/agent/host-server.ts';
import { readRequest } from '../../src/kdb/calls/index.ts';
import { createEngineClient } from '../../src/kdb/client.ts';
import { decodeMessage } from '../../src/kdb/codec.ts';
import { fakeQ } from '../kdb/fake-q.ts';
import { answerInsert, batch, code, emptyResult, helloReply, spec } from '../kdb/wire/against.ts';
import { temporaryFolder } from '../servers.ts';

const login = { user: 'u', password: 'p' };

/** A q that takes 8 connections, as KDB-X does, and the agent that shares 6 of them out. */
async function database(t: TestContext) {
  let open = 0;
  const counts = { most: 0, refused: 0 };
  const q = await fakeQ(async (peer) => {
    await peer.login();
    if (open === 8) {
      counts.refused++;
      peer.hangUp();
      return;
    }
    await peer.send(Buffer.of(3));
    counts.most = Math.max(counts.most, ++open);
    try {
      for (;;) {
        const frame = await peer.request();
        const { name } = readRequest(decodeMessage(frame).value);
        await delay(2);
        if (name === '.tsg.insert' || name === '.tsg.inserts') await answerInsert(peer, frame);
        else await peer.reply(name === '.tsg.hello' ? helloReply : name === '.tsg.checkpoint' ? null : emptyResult);
      }
    } finally {
      open--;
    }
  });
  const folder = temporaryFolder();
  // The receipts lie in it.
  writeFileSync(join(folder.path, 'journal-1'), Buffer.alloc(1_000));
  const server = await createHostServer({
    host: '127.0.0.1',
    databases: () => [{ databaseId: 'd', ...login, volumes: [folder.path] }],
    connections: 6,
  });
  const clients: ReturnType<typeof createEngineClient>[] = [];
  const ports = { port: q.port, durablePort: server.port };
  t.after(async () => {
    await Promise.all(clients.map((each) => each.close()));
    await server.close();
    await q.close();
    folder.remove();
  });
  return {
    counts,
    client: (idleMs = 30_000) => {
      const client = createEngineClient({ host: '127.0.0.1', ...ports, ...login, idleMs });
      clients.push(client);
      return client;
    },
  };
}

/** As an API process that has much to do. */
async function work(client: ReturnType<typeof createEngineClient>, rounds: number): Promise<void> {
  for (let round = 0; round < rounds; round++)
    await Promise.all([
      ...Array.from({ length: 6 }, () => client.query(spec)),
      ...Array.from({ length: 3 }, (_, i) => client.insert(batch(i + 1))),
      client.hello(),
      client.checkpoint(),
    ]);
}

test('three API processes share the connections that a q takes', async (t) => {
  const { client, counts } = await database(t);
  await work(client(), 2);
  assert.ok(counts.most > 2, `${counts.most} connections of one alone`);
  await Promise.all([client(), client(), client()].map((each) => work(each, 8)));
  assert.equal(counts.refused, 0);
  assert.ok(counts.most <= 6, `${counts.most} connections`);
});

test('who finds none is refused as busy, and served when another one has gone', async (t) => {
  const { client, counts } = await database(t);
  const clients = Array.from({ length: 6 }, () => client());
  await Promise.all(clients.map((each) => work(each, 5)));
  const late = client();
  await assert.rejects(late.query(spec), code('EngineBusy'));
  await clients[0]!.close();
  await late.query(spec);
  assert.equal(counts.refused, 0);
  assert.ok(counts.most <= 6, `${counts.most} connections`);
});

test('one that is allowed a single connection does everything over it, in turn', async (t) => {
  const { client, counts } = await database(t);
  const clients = Array.from({ length: 6 }, () => client());
  await Promise.all(clients.map((each) => work(each, 3)));
  await Promise.all(clients.map((each) => work(each, 3)));
  assert.deepEqual([counts.refused, counts.most], [0, 6]);
});
