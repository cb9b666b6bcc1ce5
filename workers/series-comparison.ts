// Compares the series that databases of the region have with those that the management data say, now and then: an API process may have
// ended before it stored what came with a write, or before it told a strict database of what was defined. Every worker compares; two at
// the same time do no harm. A database of which nothing changed since the last time costs one read and one hello.

import { setTimeout as delay } from 'node:timers/promises';
import type { Log } from '../src/base/log.ts';
import { described } from '../src/kdb/described.ts';
import type { Engine } from '../src/kdb/engine.ts';
import { EngineError } from '../src/kdb/engine-error.ts';
import type { Management } from '../src/management/index.ts';
import type { Database, Series } from '../src/management/records.ts';
import { holdsColumns, sameColumns } from '../src/management/series-definition.ts';
import { type SeriesPair, seriesInOrder } from './series-in-order.ts';

const compareEveryMs = 10 * 60_000;
/** Until a comparison finds nothing: a strict database gives up one left series a round, and others may be changing things. */
const maxRounds = 20;

/** Whatever the sizes of the two sides, so many are held at a time. */
const mendedAtOnce = 1_000;

export interface ComparedEngine extends Pick<Engine, 'hello' | 'series' | 'describe' | 'define' | 'drop'> {
  close(): Promise<void>;
}

export interface SeriesComparisonOptions {
  readonly management: Pick<Management, 'series' | 'databases' | 'hosts'>;
  readonly connect: (database: Database) => ComparedEngine;
  readonly log: Log;
}

export class SeriesComparison {
  readonly #options: SeriesComparisonOptions;
  readonly #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(options: SeriesComparisonOptions) {
    this.#options = options;
  }

  start(): void {
    this.#running = this.#keepComparing();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #keepComparing(): Promise<void> {
    const { signal } = this.#stop;
    // Workers that were started together spread over the time.
    for (let waitMs = compareEveryMs * Math.random(); ; waitMs = compareEveryMs) {
      await delay(waitMs, undefined, { signal }).catch(() => {});
      if (signal.aborted) return;
      await this.compareAll().catch((error: unknown) =>
        this.#options.log.warn('series could not be compared', { error }),
      );
    }
  }

  async compareAll(): Promise<void> {
    const { databases, hosts } = this.#options.management;
    for (const { id: hostId } of await hosts.listHosts()) {
      for (const database of await databases.databasesOfHost(hostId)) {
        if (this.#stop.signal.aborted) return;
        if (database.status === 'active') await this.#compare(database);
      }
    }
  }

  async #compare(database: Database): Promise<void> {
    let engine: ComparedEngine | undefined;
    try {
      engine = this.#options.connect(database);
      for (let round = 1; round <= maxRounds; round++) if (await this.compare(database, engine)) return;
    } catch (error) {
      this.#options.log.warn('the series of a database could not be compared', { databaseId: database.id, error });
    } finally {
      await engine?.close();
    }
  }

  /** True when they were equal. Else what differs is mended, and the next comparison says whether all of it. */
  async compare({ id, schema }: Database, engine: Omit<ComparedEngine, 'close'>): Promise<boolean> {
    const { series } = this.#options.management;
    const head = await series.readHead(id);
    // Asked first: what a strict database had then and the list below lacks is what a drop has left.
    const { catalogueVersion } = await engine.hello();
    const { compared } = head;
    if (compared?.catalogueVersion === Number(catalogueVersion) && compared.changes === head.changes) return true;
    const agree = schema === 'strict' ? holdsColumns : sameColumns;
    const different: SeriesPair[] = [];
    for await (const pair of seriesInOrder(engine, series.everySeries(id))) {
      if (pair.found && pair.wanted && agree(pair.found, pair.wanted)) continue;
      different.push(pair);
      if (different.length === mendedAtOnce) break;
    }
    if (different.length === 0) {
      await series.markCompared(id, head, catalogueVersion);
      return true;
    }
    this.#options.log.info('series differ', { databaseId: id, series: different.length });
    if (schema === 'flexible') {
      const names = different.map(({ name }) => name);
      await series.follow(id, names, (name) => described(engine, name));
    } else {
      // First what has to go: each definition makes the catalogue another one.
      const [kept, left] = [different.filter(({ wanted }) => wanted), different.filter(({ wanted }) => !wanted)];
      for (const { name, wanted } of [...left, ...kept]) await bring(engine, name, wanted, catalogueVersion);
    }
    return false;
  }
}

/** A strict database's process gets what is defined, and loses what is not. */
async function bring(
  engine: Pick<Engine, 'define' | 'drop'>,
  name: string,
  record: Series | undefined,
  catalogueVersion: bigint,
): Promise<void> {
  try {
    if (record) await engine.define({ series: name, tags: record.tags, fields: record.fields });
    else await engine.drop(name, catalogueVersion);
  } catch (error) {
    // Somebody defines or drops at this moment: the next comparison looks again.
    if (!(error instanceof EngineError) || !['CatalogueChanged', 'SeriesNotFound'].includes(error.code)) throw error;
  }
}
