// A q IPC server for the clients of q databases (hostCalls of contract.ts). Who logs in as the user of a database asks for that database.

import { createHash, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { decodeMessage, encodeError, encodeMessage, plainFrame } from '../../src/kdb/codec.ts';
import { EngineError } from '../../src/kdb/engine-error.ts';
import { FrameReader, messageKinds } from '../../src/kdb/frame.ts';
import { durable, share } from '../../src/kdb/host-calls.ts';
import { type QValue, Sym } from '../../src/kdb/qvalue.ts';
import type { DatabaseConfig } from '../database-config.ts';
import { SyncTimes } from '../sync-times.ts';
import { ConnectionShares } from './connection-shares.ts';
import { JournalSync } from './journal-sync.ts';

type Served = Pick<DatabaseConfig, 'databaseId' | 'user' | 'password' | 'volumes'>;

export interface HostServer {
  readonly port: number;
  /** Of the journals of all its databases. */
  readonly syncTimes: SyncTimes;
  close(): Promise<void>;
}

interface HostServerOptions {
  readonly host: string;
  readonly databases: () => readonly Served[];
  /** That clients may have to each process of a database, all together. */
  readonly connections: number;
}

/** What a database's clients ask about. */
interface Asked {
  readonly journal: JournalSync;
  readonly shares: ConnectionShares;
}

const maxLoginBytes = 1_024;
const maxRequestBytes = 4_096;
const loginTimeoutMs = 5_000;

export async function createHostServer({ host, databases, connections }: HostServerOptions): Promise<HostServer> {
  const known = new Map<string, Asked>();
  const syncTimes = new SyncTimes();
  const sockets = new Set<Socket>();
  const askedOf = ({ databaseId, volumes }: Served): Asked => {
    // A database that is created again has other directories.
    const key = [databaseId, ...volumes].join('\n');
    if (!known.has(key))
      known.set(key, { journal: new JournalSync(volumes, syncTimes), shares: new ConnectionShares(connections) });
    return known.get(key)!;
  };
  const server = createServer({ noDelay: true, keepAlive: true }, (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket)).on('error', () => {});
    serve(socket, (login) => {
      const database = databases().find(({ user, password }) => isSame(login, `${user}:${password}`));
      return database && askedOf(database);
    });
  });
  server.listen(0, host);
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    syncTimes,
    async close() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
      await Promise.all([...known.values()].map(({ journal }) => journal.close()));
    },
  };
}

function serve(socket: Socket, find: (login: string) => Asked | undefined): void {
  let head = Buffer.alloc(0);
  let asked: Asked | undefined;
  const late = setTimeout(() => socket.destroy(), loginTimeoutMs);
  socket.on('close', () => {
    clearTimeout(late);
    asked?.shares.leave(socket);
  });
  const reader = new FrameReader(
    maxRequestBytes,
    (frame) => void answer(frame, socket, asked!).then((reply) => socket.write(reply)),
  );
  socket.on('data', (chunk) => {
    try {
      if (asked) return reader.push(chunk);
      head = Buffer.concat([head, chunk]);
      const end = head.indexOf(0);
      if (end < 1 && head.length <= maxLoginBytes) return;
      // The byte before the end is what the client can do; plain messages are enough here.
      asked = end < 1 ? undefined : find(head.toString('latin1', 0, end - 1));
      if (!asked) return void socket.destroy();
      clearTimeout(late);
      socket.write(Buffer.of(Math.min(3, head[end - 1]!)));
      if (head.length > end + 1) reader.push(head.subarray(end + 1));
    } catch {
      socket.destroy();
    }
  });
}

async function answer(frame: Buffer, socket: Socket, asked: Asked): Promise<Buffer> {
  try {
    const { value } = decodeMessage(plainFrame(frame, maxRequestBytes), maxRequestBytes);
    const [call, ...given] = Array.isArray(value) ? (value as QValue[]) : [];
    const name = call instanceof Sym ? call.name : '';
    if (name === share.name) {
      const granted = asked.shares.ask(socket, share.decodeArguments(given));
      return encodeMessage(messageKinds.response, share.encodeReply(granted));
    }
    if (name !== durable.name) throw new EngineError('BadCall', `only ${durable.name} and ${share.name} are answered`);
    const wanted = durable.decodeArguments(given);
    const { journal } = asked;
    const place = wanted
      ? { generation: Number(wanted.generation), offset: Number(wanted.offset) }
      : await journal.end();
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
