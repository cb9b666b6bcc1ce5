import type { Log } from '../base/log.ts';
import { CallFigures } from './call-figures.ts';
import { loggedCalls } from './call-log.ts';
import { createEngineClient, type EngineClient } from './client.ts';

interface Address {
  readonly host: string;
  readonly port: number;
  readonly durablePort?: number;
  readonly readerPorts?: readonly number[];
}

export interface EngineTarget {
  readonly id: string;
  readonly endpoint: Address | null;
  readonly user: string;
  readonly password: string;
}

/** The clients of the databases that this process talks to, one each, made at the first call. */
export class Engines {
  readonly #clients = new Map<string, { endpoint: Address; client: EngineClient }>();
  readonly figures = new CallFigures();
  readonly #log: Log;

  constructor(log: Log) {
    this.#log = log;
  }

  /** The client of a placed database; a database that has moved gets a new one. */
  client(database: EngineTarget): EngineClient {
    const endpoint = database.endpoint!;
    const known = this.#clients.get(database.id);
    if (known && isSame(known.endpoint, endpoint)) return known.client;
    void known?.client.close();
    const { user, password } = database;
    const client = createEngineClient({
      ...{ ...endpoint, user, password },
      measure: loggedCalls(this.figures.measure, database.id, this.#log),
      ...(known && { seen: known.client.seen }),
    });
    this.#clients.set(database.id, { endpoint, client });
    return client;
  }

  /** Of all clients, by lane: connections that are open, calls that wait for one. */
  lanes(figure: 'open' | 'waiting'): Record<string, number> {
    const sums = { write: 0, query: 0 };
    for (const { client } of this.#clients.values())
      for (const lane of ['write', 'query'] as const) sums[lane] += client.lanes[lane][figure];
    return sums;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#clients.values()].map(({ client }) => client.close()));
    this.#clients.clear();
  }
}

export function isSame(a: Address, b: Address): boolean {
  const readers = ({ readerPorts = [] }: Address): string => readerPorts.join();
  return a.host === b.host && a.port === b.port && a.durablePort === b.durablePort && readers(a) === readers(b);
}
