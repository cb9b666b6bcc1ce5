import { decodeMessage } from '../codec.ts';
import type { InsertBatch, InsertReceipt } from '../engine.ts';
import { EngineError } from '../engine-error.ts';
import { headerBytes, messageKinds, writeHeader } from '../frame.ts';
import { Chars, Guid, type QValue } from '../qvalue.ts';
import { type CallCodec, chars, GrammarFault, guid, list, longs, only } from './grammar.ts';
import { decodePart, encodePart } from './part.ts';
import { badCall, readRequest } from './request.ts';

export const insert: CallCodec<InsertBatch, InsertReceipt> = {
  name: '.tsg.insert',
  encodeArguments: encodeBatch,
  decodeArguments: decodeBatch,
  encodeReply: encodeReceipt,
  decodeReply: decodeReceipt,
};

/** Requests that waited for a connection, in one message; each has its own receipt or its own error. */
export const inserts: CallCodec<readonly InsertBatch[], readonly (InsertReceipt | EngineError)[]> = {
  name: '.tsg.inserts',
  encodeArguments: (batches) => [batches.map(encodeBatch)],
  decodeArguments: (given) => list(only(given), 'batches').map((batch) => decodeBatch(list(batch, 'batch', 2))),
  encodeReply: (receipts) =>
    receipts.map((receipt) => (receipt instanceof EngineError ? Chars.of(receipt.toWire()) : encodeReceipt(receipt))),
  decodeReply: (reply) =>
    list(reply, 'receipts').map((receipt) =>
      receipt instanceof Chars ? EngineError.fromWire(chars(receipt, 'error').toString()) : decodeReceipt(receipt),
    ),
};

function encodeBatch({ batchId, parts }: InsertBatch): readonly QValue[] {
  return [new Guid(batchId), parts.map(encodePart)];
}

function decodeBatch(given: readonly QValue[]): InsertBatch {
  if (given.length !== 2) throw new GrammarFault(`${given.length} arguments instead of 2`);
  const [batchId, parts] = given as [QValue, QValue];
  const decoded = list(parts, 'parts').map(decodePart);
  if (decoded.length === 0) throw new GrammarFault('a batch has no part');
  return { batchId: guid(batchId, 'batch id'), parts: decoded };
}

function encodeReceipt({ rows, late, catalogueVersion, generation, offset }: InsertReceipt): QValue {
  return BigInt64Array.of(rows, late, catalogueVersion, generation, offset);
}

function decodeReceipt(reply: QValue): InsertReceipt {
  const [rows, late, catalogueVersion, generation, offset] = list(longs(reply, 'receipt'), 'receipt', 5) as bigint[];
  return {
    rows: rows!,
    late: late!,
    catalogueVersion: catalogueVersion!,
    generation: generation!,
    offset: offset!,
  };
}

/** The batches of a whole `.tsg.insert` or `.tsg.inserts` message, as received or as kept in a journal. */
export function decodeInsertFrame(frame: Buffer): InsertBatch[] {
  const { name, given } = readRequest(decodeMessage(frame).value);
  try {
    if (name === insert.name) return [insert.decodeArguments(given)];
    if (name === inserts.name) return [...inserts.decodeArguments(given)];
  } catch (error) {
    throw badCall(name, error);
  }
  throw new EngineError('BadCall', `${name} is no insert`);
}

const listHead = (count: number): Buffer => {
  const head = Buffer.alloc(6);
  head.writeInt32LE(count, 2);
  return head;
};
const symbolAtom = (name: string): Buffer => Buffer.from(`\xf5${name}\0`, 'latin1');
const pairHead = listHead(2);
const joinedHead = Buffer.concat([listHead(2), symbolAtom(inserts.name)]);

/** Where the arguments begin in an `.tsg.insert` message. */
const argumentsStart = headerBytes + 6 + symbolAtom(insert.name).length;

/** What a message adds to one that joins it with others. */
export function joinedBytes(frame: Buffer): number {
  return pairHead.length + frame.length - argumentsStart;
}

/** One `.tsg.inserts` message of several `.tsg.insert` messages: their arguments are copied as they are. */
export function joinInserts(frames: readonly Buffer[]): Buffer {
  const pieces = [Buffer.alloc(headerBytes), joinedHead, listHead(frames.length)];
  for (const frame of frames) pieces.push(pairHead, frame.subarray(argumentsStart));
  const joined = Buffer.concat(pieces);
  writeHeader(joined, messageKinds.sync);
  return joined;
}
