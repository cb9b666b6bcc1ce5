import assert from 'node:assert/strict';
import { test } from 'node:test';
import { codecs, readRequest } from '../../../src/kdb/calls/index.ts';
import { createEngineClient, type EngineClient } from '../../../src/kdb/client.ts';
import { decodeMessage } from '../../../src/kdb/codec.ts';
import type { Position } from '../../../src/kdb/engine.ts';
import { fakeQ, type Peer } from '../fake-q.ts';
import { answerInsert, batch, code, emptyResult, spec } from './against.ts';

// A database of a writer and readers: who is asked what, and what a reader must have seen.

type Answer = (peer: Peer, frame: Buffer) => Promise<void>;

interface Process {
  /** Calls that it got, reads with the position that they carried. */
  readonly heard: [name: string, position?: Position][];
  answer: Answer;
}

const positionOf = (frame: Buffer): Position | undefined => {
  const { name, given } = readRequest(decodeMessage(frame).value);
  const decoded: unknown = codecs[name].decodeArguments(given);
  return (decoded as { position?: Position } | undefined)?.position;
};

const replies: Record<string, Answer> = {
  '.tsg.insert': answerInsert,
  '.tsg.query': (peer) => peer.reply(emptyResult),
  '.tsg.latest': (peer) => peer.reply(emptyResult),
  '.tsg.tags': (peer) => peer.reply(codecs['.tsg.tags'].encodeReply([])),
  '.tsg.series': (peer) => peer.reply(codecs['.tsg.series'].encodeReply({ series: [], next: null })),
  '.tsg.retain': (peer) => peer.reply(0n),
};

const asQ: Answer = (peer, frame) => replies[readRequest(decodeMessage(frame).value).name]!(peer, frame);
const behind: Answer = (peer) => peer.fail('ReaderBehind');

async function processOf(port = 0) {
  const process: Process = { heard: [], answer: asQ };
  const server = await fakeQ(async (peer) => {
    await peer.welcome();
    for (;;) {
      const frame = await peer.request();
      const { name } = readRequest(decodeMessage(frame).value);
      const position = positionOf(frame);
      process.heard.push(position ? [name, position] : [name]);
      await process.answer(peer, frame);
    }
  }, port);
  return { ...server, process };
}

async function against(
  readerCount: number,
  story: (
    client: EngineClient,
    writer: Process,
    readers: Process[],
    close: (reader: number) => Promise<void>,
  ) => Promise<void>,
): Promise<void> {
  const writer = await processOf();
  const readers = await Promise.all(Array.from({ length: readerCount }, () => processOf()));
  const client = createEngineClient({
    ...{ host: '127.0.0.1', port: writer.port, user: 'u', password: 'p' },
    readerPorts: readers.map(({ port }) => port),
  });
  const open = new Set([writer, ...readers]);
  const close = async (reader: number): Promise<void> => {
    open.delete(readers[reader]!);
    await readers[reader]!.close();
  };
  try {
    await story(
      client,
      writer.process,
      readers.map(({ process }) => process),
      close,
    );
  } finally {
    await client.close();
    for (const each of open) await each.close();
  }
}

test('reads go to the reader, everything else to the writer', () =>
  against(1, async (client, writer, [reader]) => {
    await client.query(spec);
    await client.latest({ series: 'cpu', where: null, fields: [] });
    await client.tags('cpu');
    await client.series({ after: null, limit: 1 });
    await client.retain(0n);
    await client.insert(batch(7));
    assert.deepEqual(reader!.heard, [['.tsg.query'], ['.tsg.latest'], ['.tsg.tags'], ['.tsg.series']]);
    assert.deepEqual(writer.heard, [['.tsg.retain'], ['.tsg.insert']]);
  }));

test('a read carries the furthest position of the writes that were acknowledged here, or the one given', () =>
  against(1, async (client, _writer, [reader]) => {
    await client.insert(batch(7));
    await client.insert(batch(5));
    await client.query(spec);
    await client.query({ ...spec, position: { generation: 1n, offset: 6n } });
    await client.tags('cpu', { position: { generation: 2n, offset: 0n } });
    assert.deepEqual(
      reader!.heard.map(([, position]) => position),
      [
        { generation: 1n, offset: 7n },
        { generation: 1n, offset: 7n },
        { generation: 2n, offset: 0n },
      ],
    );
  }));

test('without readers a read carries nothing', () =>
  against(0, async (client, writer) => {
    await client.insert(batch(7));
    await client.query({ ...spec, position: { generation: 2n, offset: 0n } });
    assert.deepEqual(writer.heard, [['.tsg.insert'], ['.tsg.query']]);
  }));

test('a reader that catches up answers', () =>
  against(1, async (client, writer, [reader]) => {
    reader!.answer = (peer, frame) => (reader!.heard.length < 3 ? behind : asQ)(peer, frame);
    await client.query(spec);
    assert.equal(reader!.heard.length, 3);
    assert.deepEqual(writer.heard, []);
  }));

test('a reader that stays behind hands over to the writer', () =>
  against(1, async (client, writer, [reader]) => {
    reader!.answer = behind;
    await client.query(spec);
    assert.ok(reader!.heard.length > 1, `asked ${reader!.heard.length} times`);
    assert.deepEqual(writer.heard, [['.tsg.query']]);
  }));

test('what a reader refuses is refused', () =>
  against(1, async (client, writer, [reader]) => {
    reader!.answer = (peer) => peer.fail('SeriesNotFound\tcpu');
    await assert.rejects(client.query(spec), code('SeriesNotFound'));
    assert.deepEqual(writer.heard, []);
  }));

test('a reader that is gone, before or within an answer, is the writer at once', () =>
  against(1, async (client, writer, [reader], close) => {
    reader!.answer = async (peer) => peer.hangUp();
    await client.query(spec);
    assert.deepEqual([reader!.heard.length, writer.heard.length], [1, 1]);
    await close(0);
    await Promise.all(Array.from({ length: 20 }, () => client.query(spec)));
    assert.equal(writer.heard.length, 21);
  }));

test('a read goes to the reader that has least to do', () =>
  against(2, async (client, _writer, [busy, free]) => {
    const answered = Promise.withResolvers<void>();
    busy!.answer = async (peer, frame) => {
      await answered.promise;
      await asQ(peer, frame);
    };
    const long = client.query(spec);
    for (let i = 0; i < 3; i++) await client.query(spec);
    assert.deepEqual([busy!.heard.length, free!.heard.length], [1, 3]);
    answered.resolve();
    await long;
  }));
