import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readRequest } from '../../../src/kdb/calls/index.ts';
import { decodeInsertFrame } from '../../../src/kdb/calls/insert.ts';
import { decodeMessage } from '../../../src/kdb/codec.ts';
import type { InsertReceipt } from '../../../src/kdb/engine.ts';
import { until } from '../../until.ts';
import { against, answerInsert, batch, code } from './against.ts';

// Inserts that wait for a connection are joined.

test('inserts that wait are joined, and each has its own receipt or error', () => {
  const free = Promise.withResolvers<void>();
  const frames: string[] = [];
  return against(
    async (peer) => {
      await peer.welcome();
      for (;;) {
        const frame = await peer.request();
        frames.push(readRequest(decodeMessage(frame).value).name);
        await free.promise;
        await answerInsert(peer, frame, (value) => value % 10 === 7);
      }
    },
    async (client) => {
      const inserts: Promise<InsertReceipt>[] = [];
      // Each of the two connections has one; the rest waits for them.
      for (const sent of [1, 2]) {
        inserts.push(client.insert(batch(inserts.length)));
        await until('an insert is sent', () => frames.length === sent);
      }
      while (inserts.length < 200) inserts.push(client.insert(batch(inserts.length)));
      free.resolve();
      for (const [i, result] of (await Promise.allSettled(inserts)).entries()) {
        if (i % 10 === 7) {
          assert(result.status === 'rejected' && code('FieldTypeClash')(result.reason));
          assert.deepEqual(result.reason.subjects, ['cpu', String(i), 'long', 'float']);
        } else {
          assert(result.status === 'fulfilled');
          assert.equal(result.value.offset, BigInt(i));
        }
      }
      assert.deepEqual(frames, ['.tsg.insert', '.tsg.insert', '.tsg.inserts']);
    },
  );
});

test('joined messages have a limit', () => {
  const sizes: number[] = [];
  return against(
    async (peer) => {
      await peer.welcome();
      for (;;) {
        const frame = await peer.request();
        sizes.push(decodeInsertFrame(frame).length);
        await answerInsert(peer, frame);
      }
    },
    async (client) => {
      const receipts = await Promise.all(Array.from({ length: 3_500 }, (_, i) => client.insert(batch(i))));
      assert.deepEqual(
        receipts.map(({ offset }) => Number(offset)),
        Array.from({ length: 3_500 }, (_, i) => i),
      );
      assert(Math.max(...sizes) <= 1_000);
      assert.equal(
        sizes.reduce((sum, size) => sum + size),
        3_500,
      );
    },
  );
});

test('a long change leaves the write lane open for inserts', () => {
  const done = Promise.withResolvers<void>();
  return against(
    async (peer) => {
      await peer.welcome();
      for (;;) {
        const frame = await peer.request();
        const { name } = readRequest(decodeMessage(frame).value);
        if (name === '.tsg.insert' || name === '.tsg.inserts') {
          await answerInsert(peer, frame);
        } else {
          await done.promise;
          await peer.reply(null);
        }
      }
    },
    async (client) => {
      const changes = [client.checkpoint(), client.checkpoint(), client.drop('cpu')];
      for (let i = 0; i < 20; i++) assert.equal((await client.insert(batch(i))).offset, BigInt(i));
      done.resolve();
      await Promise.all(changes);
    },
  );
});
