// A q IPC server with one call, .tsg.durable. Who logs in as the user of a database asks for that database's journal.

import { createHash, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { decodeMessage, encodeError, encodeMessage, plainFrame } from '../../src/kdb/codec.ts';
import { durable } from '../../src/kdb/durable.ts';
import { EngineError } from '../../src/kdb/engine-error.ts';
import { FrameReader, messageKinds } from '../../src/kdb/frame.ts';
import { Sym } from '../../src/kdb/qvalue.ts';
import type { DatabaseConfig } from '../database-config.ts';
import { JournalSync } from './journal-sync.ts';

type Served = Pick<DatabaseConfig, 'databaseId' | 'user' | 'password' | 'volumes'>;

export interface DurableServer {
  readonly port: number;
  close(): Promise<void>;
}

const maxLoginBytes = 1_024;
const maxRequestBytes = 4_096;
const loginTimeoutMs = 5_000;

export async function createDurableServer(host: string, databases: () => readonly Served[]): Promise<DurableServer> {
  const journals = new Map<string, JournalSync>();
  const sockets = new Set<Socket>();
  const journalOf = ({ databaseId, volumes }: Served): JournalSync => {
    // A database that is created again has other directories.
    const key = [databaseId, ...volumes].join('\n');
    if (!journals.has(key)) journals.set(key, new JournalSync(volumes));
    return journals.get(key)!;
  };
  const server = createServer({ noDelay: true, keepAlive: true }, (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket)).on('error', () => {});
    serve(socket, (login) => {
      const database = databases().find(({ user, password }) => isSame(login, `${user}:${password}`));
      return database && journalOf(database);
    });
  });
  server.listen(0, host);
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
      await Promise.all([...journals.values()].map((journal) => journal.close()));
    },
  };
}

function serve(socket: Socket, find: (login: string) => JournalSync | undefined): void {
  let head = Buffer.alloc(0);
  let journal: JournalSync | undefined;
  const late = setTimeout(() => socket.destroy(), loginTimeoutMs);
  socket.on('close', () => clearTimeout(late));
  const reader = new FrameReader(
    maxRequestBytes,
    (frame) => void answer(frame, journal!).then((reply) => socket.write(reply)),
  );
  socket.on('data', (chunk) => {
    try {
      if (journal) return reader.push(chunk);
      head = Buffer.concat([head, chunk]);
      const end = head.indexOf(0);
      if (end < 1 && head.length <= maxLoginBytes) return;
      // The byte before the end is what the client can do; plain messages are enough here.
      journal = end < 1 ? undefined : find(head.toString('latin1', 0, end - 1));
      if (!journal) return void socket.destroy();
      clearTimeout(late);
      socket.write(Buffer.of(Math.min(3, head[end - 1]!)));
      if (head.length > end + 1) reader.push(head.subarray(end + 1));
    } catch {
      socket.destroy();
    }
  });
}

async function answer(frame: Buffer, journal: JournalSync): Promise<Buffer> {
  try {
    const { value } = decodeMessage(plainFrame(frame, maxRequestBytes), maxRequestBytes);
    if (!Array.isArray(value) || !(value[0] instanceof Sym) || value[0].name !== durable.name)
      throw new EngineError('BadCall', `only ${durable.name} is answered`);
    const asked = durable.decodeArguments(value.slice(1));
    const place = asked ? { generation: Number(asked.generation), offset: Number(asked.offset) } : await journal.end();
    await journal.durable(place.generation, place.offset);
    const reached = { generation: BigInt(place.generation), offset: BigInt(place.offset) };
    return encodeMessage(messageKinds.response, durable.encodeReply(reached));
  } catch (error) {
    const known = error instanceof EngineError ? error : new EngineError('StorageFailed', (error as Error).message);
    return encodeError(known.toWire());
  }
}

const isSame = (given: string, expected: string): boolean => timingSafeEqual(digest(given), digest(expected));
const digest = (text: string): Buffer => createHash('sha256').update(text, 'latin1').digest();
