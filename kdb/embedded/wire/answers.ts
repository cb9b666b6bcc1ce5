import type { CallCodec } from '../../../src/kdb/calls/grammar.ts';
import { badCall, codecs, readRequest } from '../../../src/kdb/calls/index.ts';
import { decodeMessage } from '../../../src/kdb/codec.ts';
import type { CallName } from '../../../src/kdb/contract.ts';
import type { Engine, InsertBatch, InsertReceipt } from '../../../src/kdb/engine.ts';
import { EngineError } from '../../../src/kdb/engine-error.ts';
import type { QValue } from '../../../src/kdb/qvalue.ts';

/** Where inserts go: the journal keeps the message as it came (.tsg.insert or .tsg.inserts, header included). */
export interface FrameSink {
  /** One receipt or refusal per batch. */
  insertFrame(batches: readonly InsertBatch[], frame: Buffer): Promise<readonly (InsertReceipt | EngineError)[]>;
}

interface Asked {
  readonly engine: Engine & FrameSink;
  readonly given: readonly QValue[];
  readonly frame: Buffer;
  readonly signal: AbortSignal | undefined;
}

/** Decodes the arguments, calls the engine, encodes its reply. */
function answer<Arguments, Reply>(
  codec: CallCodec<Arguments, Reply>,
  call: (engine: Engine, given: Arguments, signal: AbortSignal | undefined) => Promise<Reply>,
): (asked: Asked) => Promise<QValue> {
  return async ({ engine, given, signal }) => codec.encodeReply(await call(engine, read(codec, given), signal));
}

function read<Arguments, Reply>(codec: CallCodec<Arguments, Reply>, given: readonly QValue[]): Arguments {
  try {
    return codec.decodeArguments(given);
  } catch (error) {
    throw badCall(codec.name, error);
  }
}

const answers: Readonly<Record<CallName, (asked: Asked) => Promise<QValue>>> = {
  '.tsg.hello': answer(codecs['.tsg.hello'], (engine) => engine.hello()),
  '.tsg.define': answer(codecs['.tsg.define'], (engine, definition) => engine.define(definition)),
  '.tsg.drop': answer(codecs['.tsg.drop'], (engine, { series, catalogueVersion }) =>
    engine.drop(series, catalogueVersion ?? undefined),
  ),
  '.tsg.describe': answer(codecs['.tsg.describe'], (engine, series) => engine.describe(series)),
  '.tsg.insert': insertOne,
  '.tsg.inserts': insertMany,
  '.tsg.query': answer(codecs['.tsg.query'], (engine, spec, signal) => engine.query(spec, signal)),
  '.tsg.explain': answer(codecs['.tsg.explain'], (engine, spec, signal) => engine.explain(spec, signal)),
  '.tsg.latest': answer(codecs['.tsg.latest'], (engine, spec, signal) => engine.latest(spec, signal)),
  '.tsg.asof': answer(codecs['.tsg.asof'], (engine, spec, signal) => engine.asof(spec, signal)),
  '.tsg.tags': answer(codecs['.tsg.tags'], (engine, { series }) => engine.tags(series)),
  '.tsg.series': answer(codecs['.tsg.series'], (engine, spec) => engine.series(spec)),
  '.tsg.stats': answer(codecs['.tsg.stats'], (engine) => engine.stats()),
  '.tsg.delete': answer(codecs['.tsg.delete'], (engine, spec) => engine.delete(spec)),
  '.tsg.retain': answer(codecs['.tsg.retain'], (engine, beforeNs) => engine.retain(beforeNs)),
  '.tsg.compact': answer(codecs['.tsg.compact'], (engine) => engine.compact()),
  '.tsg.checkpoint': answer(codecs['.tsg.checkpoint'], (engine) => engine.checkpoint()),
  '.tsg.backup': answer(codecs['.tsg.backup'], (engine, name) => engine.backup(name)),
  '.tsg.tail': answer(codecs['.tsg.tail'], (engine, spec) => engine.tail(spec)),
};

async function insertOne({ engine, given, frame }: Asked): Promise<QValue> {
  const codec = codecs['.tsg.insert'];
  const [receipt] = await engine.insertFrame([read(codec, given)], frame);
  if (receipt instanceof EngineError) throw receipt;
  return codec.encodeReply(receipt!);
}

async function insertMany({ engine, given, frame }: Asked): Promise<QValue> {
  const codec = codecs['.tsg.inserts'];
  return codec.encodeReply(await engine.insertFrame(read(codec, given), frame));
}

/** Reads only: they end early when nobody waits for them any more, or when they have taken too long. */
const cancellable: ReadonlySet<CallName> = new Set<CallName>([
  '.tsg.query',
  '.tsg.explain',
  '.tsg.latest',
  '.tsg.asof',
]);

/** A call that a message makes, ready to be run. */
export interface ReadCall {
  readonly cancellable: boolean;
  run(engine: Engine & FrameSink, signal?: AbortSignal): Promise<QValue>;
}

/** Throws EngineError('BadCall') for a message that is no call; wrong arguments show when it is run. */
export function readCall(frame: Buffer): ReadCall {
  try {
    const { name, given } = readRequest(decodeMessage(frame).value);
    return {
      cancellable: cancellable.has(name),
      run: (engine, signal) => answers[name]({ engine, given, frame, signal }),
    };
  } catch (error) {
    throw badCall('message', error);
  }
}
