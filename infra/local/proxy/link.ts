// One address of the proxy and what it leads to. A test makes the way long, deaf or closed.

import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { DelayLine } from './delay-line.ts';

export interface Way {
  /**
   * open: bytes pass. held: connections stay and are taken, nothing passes until the way is open again, as when packets are
   * dropped and sent again. cut: connections are reset, also new ones.
   */
  readonly state: 'open' | 'held' | 'cut';
  /** To the server. */
  readonly upMs: number;
  /** From the server. */
  readonly downMs: number;
}

export interface LinkReport extends Way {
  readonly name: string;
  readonly connections: number;
}

const loopback = '127.0.0.1';

export class Link {
  readonly name: string;
  readonly #targetPort: number;
  readonly #server: Server;
  readonly #clients = new Set<Socket>();
  readonly #lines = new Set<DelayLine>();
  #way: Way;

  constructor(name: string, targetPort: number, way: Way) {
    this.name = name;
    this.#targetPort = targetPort;
    this.#way = way;
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => this.#accept(client));
  }

  async listen(port: number): Promise<void> {
    this.#server.listen(port, loopback);
    await once(this.#server, 'listening');
  }

  report(): LinkReport {
    return { name: this.name, ...this.#way, connections: this.#clients.size };
  }

  change(way: Partial<Way>): void {
    this.#way = { ...this.#way, ...way };
    if (this.#way.state === 'cut') for (const client of this.#clients) client.resetAndDestroy();
    for (const line of this.#lines) line.release();
  }

  close(): void {
    this.#server.close();
    for (const client of this.#clients) client.destroy();
  }

  #accept(client: Socket): void {
    client.on('error', () => {});
    if (this.#way.state === 'cut') {
      client.resetAndDestroy();
      return;
    }
    this.#clients.add(client);
    const server = connect({ port: this.#targetPort, host: loopback, allowHalfOpen: true, noDelay: true });
    server.on('error', () => {});
    const up = this.#line(() => this.#way.upMs);
    const down = this.#line(() => this.#way.downMs);
    client.pipe(up.stream).pipe(server);
    server.pipe(down.stream).pipe(client);
    client.once('close', () => this.#clients.delete(client));
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const) {
      one.once('close', (failed) => {
        // After an end in order, what it sent is still on its way.
        if (!failed && one.readableEnded) return;
        other.resetAndDestroy();
        up.stream.destroy();
        down.stream.destroy();
      });
    }
  }

  #line(delayMs: () => number): DelayLine {
    const line = new DelayLine({ delayMs, isOpen: () => this.#way.state === 'open' });
    this.#lines.add(line);
    line.stream.once('close', () => this.#lines.delete(line));
    return line;
  }
}
