import assert from 'node:assert/strict';
import { codecs, readRequest } from '../../../src/kdb/calls/index.ts';
import { decodeInsertFrame } from '../../../src/kdb/calls/insert.ts';
import { createEngineClient, type EngineClient, type EngineClientOptions } from '../../../src/kdb/client.ts';
import { decodeMessage } from '../../../src/kdb/codec.ts';
import type { InsertBatch, InsertReceipt, QuerySpec } from '../../../src/kdb/engine.ts';
import { EngineError } from '../../../src/kdb/engine-error.ts';
import type { QValue } from '../../../src/kdb/qvalue.ts';
import { type FakeQ, fakeQ, type Peer, type Script } from '../fake-q.ts';
import { noRows, stubHello } from '../stub-engine.ts';

// The client against a q that misbehaves.

/** Runs the story against a q that plays the script on each connection. */
export async function against(
  script: Script,
  story: (client: EngineClient, server: FakeQ) => Promise<void>,
  options: Partial<EngineClientOptions> = {},
): Promise<void> {
  const server = await fakeQ(script);
  const client = createEngineClient({ host: '127.0.0.1', port: server.port, user: 'u', password: 'p', ...options });
  try {
    await story(client, server);
  } finally {
    await client.close();
    await server.close();
  }
}

/** For assert.rejects: an EngineError of that code. */
export function code(expected: string): (error: unknown) => boolean {
  return (error) => {
    assert(error instanceof EngineError, String(error));
    assert.equal(error.code, expected);
    return true;
  };
}

/** A batch of one point; its value tells it apart. */
export function batch(value: number): InsertBatch {
  return {
    batchId: crypto.getRandomValues(new Uint8Array(16)),
    parts: [
      {
        series: 'cpu',
        tagNames: [],
        keys: [],
        keyCount: 1,
        row: Int32Array.of(0),
        timeNs: BigInt64Array.of(1n),
        fields: [{ name: 'v', validity: null, data: { type: 'float', values: Float64Array.of(value) } }],
      },
    ],
  };
}

function theValue({ parts }: InsertBatch): number {
  return (parts[0]!.fields[0]!.data as { values: Float64Array }).values[0]!;
}

/** A receipt whose offset is the value of the batch. */
function receiptOf(of: InsertBatch): InsertReceipt {
  return { rows: 1n, late: 0n, catalogueVersion: 1n, generation: 1n, offset: BigInt(theValue(of)) };
}

/** Answers an insert or joined inserts as an engine would; `refuse` gives the error of a batch. */
export async function answerInsert(
  peer: Peer,
  frame: Buffer,
  refuse: (value: number) => boolean = () => false,
): Promise<void> {
  const { name } = readRequest(decodeMessage(frame).value);
  const answers = decodeInsertFrame(frame).map((one) =>
    refuse(theValue(one))
      ? new EngineError('FieldTypeClash', 'cpu', String(theValue(one)), 'long', 'float')
      : receiptOf(one),
  );
  if (name === '.tsg.inserts') await peer.reply(codecs['.tsg.inserts'].encodeReply(answers));
  else if (answers[0] instanceof EngineError) await peer.fail(answers[0].toWire());
  else await peer.reply(codecs['.tsg.insert'].encodeReply(answers[0]!));
}

/** A query for raw points. */
export const spec: QuerySpec = {
  series: 'cpu',
  fromNs: 0n,
  toNs: 9n,
  where: null,
  by: [],
  bucket: null,
  select: [],
  fields: [],
  order: 'asc',
  limit: 10,
  cut: false,
  after: null,
};
export const emptyResult = codecs['.tsg.query'].encodeReply(noRows);
export const helloReply: QValue = codecs['.tsg.hello'].encodeReply(stubHello);
