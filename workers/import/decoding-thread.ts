// Decodes the file of one import, in a thread with a heap of its own: the worker's loop stays free to write what is decoded, and a file that
// takes more memory than there is ends this thread alone.

import { isMarkedAsUntransferable, parentPort } from 'node:worker_threads';
import type { ByteRange } from '../../src/base/object-store.ts';
import { Permanent } from '../kinds/kind.ts';
import { planOf } from './plan.ts';
import { type Piece, SourceFile } from './source-file.ts';
import { type Step, stepsOf } from './steps.ts';
import { type FromThread, stepsAhead, type ToThread } from './thread-messages.ts';

const port = parentPort!;
const pulls = new Map<number, (bytes: Uint8Array<ArrayBuffer> | null) => void>();
let reads = 0;
let allowed = stepsAhead;
let allow = (): void => {};

/** The owner reads: it has the store. What comes next is asked for before what is there is looked at. */
const objects = {
  async *get(key: string, range?: ByteRange): AsyncGenerator<Buffer> {
    const read = ++reads;
    const pull = (): Promise<Uint8Array<ArrayBuffer> | null> => {
      const { promise, resolve } = Promise.withResolvers<Uint8Array<ArrayBuffer> | null>();
      pulls.set(read, resolve);
      say({ kind: 'pull', read });
      return promise;
    };
    say({ kind: 'read', read, key, range });
    try {
      let coming = pull();
      for (let bytes = await coming; bytes !== null; bytes = await coming) {
        coming = pull();
        yield Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      }
    } finally {
      pulls.delete(read);
      say({ kind: 'stop', read });
    }
  },
};

port.on('message', (message: ToThread) => {
  if (message.kind === 'more') {
    allowed++;
    allow();
  } else if (message.kind === 'bytes') {
    pulls.get(message.read)?.(message.bytes);
  } else {
    void perform(message);
  }
});

async function perform(task: Exclude<ToThread, { kind: 'more' | 'bytes' }>): Promise<void> {
  try {
    if (task.kind === 'steps') await decode(task);
    else say({ kind: 'planned', plan: await planned(task) });
  } catch (error) {
    say({ kind: 'failed', permanent: error instanceof Permanent, error: error as Error });
  }
}

async function planned(task: Extract<ToThread, { kind: 'plan' | 'columns' }>) {
  if (task.kind === 'plan') return planOf(fileOf(task.pieces), task.pieces, task.params, task.info);
  const { plan, params } = task;
  const { ParquetFile, planParquet } = await import('./parquet/file.ts');
  const parquet = await ParquetFile.open(fileOf(plan.pieces));
  return { ...plan, table: planParquet(parquet, plan.table!, params) };
}

async function decode({ plan, params, from }: Extract<ToThread, { kind: 'steps' }>): Promise<void> {
  for await (const step of stepsOf(fileOf(plan.pieces), plan, params, from)) {
    while (allowed === 0) await new Promise<void>((resolve) => (allow = resolve));
    allowed--;
    // Cut out of what the next chunk is in too.
    const given = { ...step, bytes: step.bytes && new Uint8Array(step.bytes) };
    port.postMessage({ kind: 'step', step: given } satisfies FromThread, buffersOf(given));
  }
  say({ kind: 'end' });
}

function fileOf(pieces: readonly Piece[]): SourceFile {
  return new SourceFile(objects, pieces);
}

/** They change hands, and are not copied; but for small ones that share the memory of Buffers. */
function buffersOf({ bytes, batch: { parts, lineNumbers } }: Step): ArrayBuffer[] {
  const buffers = new Set<ArrayBufferLike>(lineNumbers.map(({ buffer }) => buffer));
  if (bytes) buffers.add(bytes.buffer);
  for (const { row, timeNs, fields } of parts) {
    buffers.add(row.buffer).add(timeNs.buffer);
    for (const { data, validity } of fields) {
      if (validity) buffers.add(validity.buffer);
      if (data.type === 'string') buffers.add(data.values.lengths.buffer).add(data.values.bytes.buffer);
      else buffers.add(data.values.buffer);
    }
  }
  return [...buffers].filter((buffer) => !isMarkedAsUntransferable(buffer)) as ArrayBuffer[];
}

function say(message: FromThread): void {
  port.postMessage(message);
}
