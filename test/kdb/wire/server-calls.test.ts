import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { InsertBatch } from '../../../src/kdb/engine.ts';
import { EngineError } from '../../../src/kdb/engine-error.ts';
import { compress } from '../compress.ts';
import { call, errorText, message, q } from '../ipc-client.ts';
import { helloReply, id, login, onePart, refusal, serve } from './serve.ts';

test('insert: the engine gets the batch and the very bytes', () => {
  const seen: { batches: readonly InsertBatch[]; frame: Buffer }[] = [];
  return serve(
    async (open) => {
      const client = open();
      await client.login(login);
      const request = call('.tsg.insert', q.g(id), q.list(onePart));
      client.send(request);
      assert.deepEqual(await client.next(), message(2, q.J(3n, 0n, 1n, 1n, 77n)));
      assert.deepEqual(seen[0]!.frame, request);
      const [part] = seen[0]!.batches[0]!.parts;
      assert.deepEqual(part, {
        series: 'cpu',
        tagNames: ['host'],
        keys: [['a', 'b']],
        keyCount: 2,
        row: Int32Array.of(0, 1, 0),
        timeNs: BigInt64Array.of(1n, 2n, 3n),
        fields: [
          { name: 'usage', validity: null, data: { type: 'float', values: Float64Array.of(1.5, 2.5, -0) } },
          {
            name: 'note',
            validity: Uint8Array.of(1, 0, 1),
            data: {
              type: 'string',
              values: { lengths: Int32Array.of(2, 0, 1), bytes: new Uint8Array(Buffer.from('hi!')) },
            },
          },
        ],
      });
    },
    {
      async insertFrame(batches, frame) {
        seen.push({ batches, frame });
        return batches.map(() => ({ rows: 3n, late: 0n, catalogueVersion: 1n, generation: 1n, offset: 77n }));
      },
    },
  );
});

test('a compressed insert reaches the journal without compression', () => {
  let kept: Buffer | undefined;
  return serve(
    async (open) => {
      const client = open();
      await client.login(login);
      const request = call('.tsg.insert', q.g(id), q.list(onePart));
      client.send(compress(request));
      assert.equal(errorText((await client.next())!), undefined);
      assert.deepEqual(kept, request);
    },
    {
      async insertFrame(batches, frame) {
        kept = frame;
        return batches.map(() => ({ rows: 0n, late: 0n, catalogueVersion: 0n, generation: 0n, offset: 0n }));
      },
    },
  );
});

test('joined inserts: each its own receipt or error', () =>
  serve(
    async (open) => {
      const client = open();
      await client.login(login);
      const one = q.list(q.g(id), q.list(onePart));
      client.send(call('.tsg.inserts', q.list(one, one, one)));
      const receipt = q.J(3n, 1n, 2n, 4n, 5n);
      assert.deepEqual(
        await client.next(),
        message(2, q.list(receipt, q.C('FieldTypeClash\tcpu\tusage\tlong\tfloat'), receipt)),
      );
    },
    {
      insertFrame: async (batches) =>
        batches.map((_, i) =>
          i === 1
            ? new EngineError('FieldTypeClash', 'cpu', 'usage', 'long', 'float')
            : { rows: 3n, late: 1n, catalogueVersion: 2n, generation: 4n, offset: 5n },
        ),
    },
  ));

test('an engine error is a q error', () =>
  serve(
    async (open) => {
      assert.equal(await refusal(open, call('.tsg.tags', q.s('gone'))), 'SeriesNotFound\tgone');
      assert.equal(await refusal(open, call('.tsg.insert', q.g(id), q.list(onePart))), 'StorageFull');
    },
    {
      tags: async (series) => {
        throw new EngineError('SeriesNotFound', series);
      },
      insertFrame: async () => [new EngineError('StorageFull')],
    },
  ));

test('an unforeseen error is InternalError and the connection lives on', () =>
  serve(
    async (open) => {
      const client = open();
      await client.login(login);
      client.send(call('.tsg.stats', q.null), call('.tsg.hello', q.null));
      assert.equal(errorText((await client.next())!), 'InternalError\tbroken');
      assert.deepEqual(await client.next(), helloReply);
    },
    {
      stats: async () => {
        throw new TypeError('broken');
      },
    },
  ));

test('q’s own forms of lists of like atoms are understood', () =>
  serve(async (open) => {
    const client = open();
    await client.login(login);
    // (`.tsg.tags;`cpu) is a symbol vector in q.
    client.send(message(1, q.S('.tsg.tags', 'cpu')));
    assert.deepEqual(await client.next(), message(2, q.list()));
    client.send(call('.tsg.latest', q.list(q.s('cpu'), q.S('null', 'usage'), q.S())));
    assert.deepEqual(await client.next(), message(2, q.list(q.list(), q.j(0n), q.null)));
  }));
