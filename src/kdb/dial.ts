import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import nodeq from 'node-q';
import { ConnectionFailed } from './engine-error.ts';

export interface Endpoint {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** Present: TLS; `ca` is the PEM of the authority when it is not a public one. */
  readonly tls?: { readonly ca?: Buffer };
}

/** What node-q gives, as far as it is used here. */
export interface QConnection extends EventEmitter {
  readonly socket: Socket;
  k(call: string, argument: unknown, callback: (error: Error | undefined, reply: unknown) => void): void;
}

/** Answers of node-q must keep every digit: times as they are, longs as long.js. Tables and empty text stay what they are. */
const exact = { nanos2date: false, long2number: false, flipTables: false, emptyChar2null: false };

/** What node-q offers: timestamps, compression and guids. */
const capability = 3;

/**
 * Connects and authenticates through node-q. `established` runs as soon as the handshake byte is there, with what came behind it.
 *
 * node-q 2.7.0 gives its socket away only after a good handshake, calls back as for a success when the capability byte is 0 or has a message right
 * behind it, and never calls back when the peer accepts and stays silent. So the socket is taken from the channel on which Node announces each
 * client socket (within the call, hence this one), and the handshake is watched on it with a deadline.
 */
export function dial<Result>(
  endpoint: Endpoint,
  timeoutMs: number,
  established: (connection: QConnection, behind: Buffer) => Result,
): Promise<Result> {
  const { host, port, user, password, tls } = endpoint;
  const { promise, resolve, reject } = Promise.withResolvers<Result>();
  const failed = (reason: string, cause?: unknown): void => {
    clearTimeout(deadline);
    socket?.destroy();
    reject(new ConnectionFailed(`cannot connect to ${host}:${port}: ${reason}`, { cause }));
  };
  const deadline = setTimeout(() => failed(`no handshake within ${timeoutMs} ms`), timeoutMs);

  let socket: Socket | undefined;
  let received = Buffer.alloc(0);
  const receive = (chunk: Buffer): void => {
    received = Buffer.concat([received, chunk]);
  };
  const take = (message: unknown): void => {
    socket = (message as { socket: Socket }).socket;
    socket.on('data', receive);
  };
  subscribe('net.client.socket', take);
  try {
    const options = { host, port, user, password, socketNoDelay: true, useTLS: tls !== undefined, ...tls, ...exact };
    nodeq.connect(options, (error, connection) => {
      if (error || !connection) return failed(error?.message ?? 'no connection', error);
      const opened = connection as unknown as QConnection;
      // A later error of the socket is told by its close; unheard it would end the process.
      opened.on('error', () => {});
      const common = received[0] ?? 0;
      if (common < 1 || common > capability) return failed('the peer does not speak q IPC');
      clearTimeout(deadline);
      opened.socket.off('data', receive);
      try {
        resolve(established(opened, received.subarray(1)));
      } catch (unusable) {
        failed('the connection is of no use', unusable);
      }
    });
  } catch (error) {
    failed('node-q refuses the endpoint', error);
  } finally {
    unsubscribe('net.client.socket', take);
  }
  return promise;
}
