import { LRUCache } from 'lru-cache';

/** Those written to last. */
const maxDatabases = 1_000;

interface DatabaseFigures {
  /** Points that were not newer than the newest of their tag set. */
  late: number;
  /** Of the last write's newest point: from its time to its arrival. */
  lagS: number;
}

/** What writes through this process were, for /metrics. */
export class WriteFigures {
  /** Samples of Prometheus that are NaN, and were left out. */
  withoutValue = 0;
  readonly #databases = new LRUCache<string, DatabaseFigures>({ max: maxDatabases });

  add(databaseId: string, late: number, lagS: number): void {
    const figures = this.#databases.get(databaseId) ?? { late: 0, lagS: 0 };
    figures.late += late;
    figures.lagS = lagS;
    this.#databases.set(databaseId, figures);
  }

  /** By database. */
  figures(figure: keyof DatabaseFigures): Record<string, number> {
    return Object.fromEntries([...this.#databases.entries()].map(([id, figures]) => [id, figures[figure]]));
  }
}
