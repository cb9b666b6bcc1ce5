// The rows of a query page by page. What a page holds depends on the data and on where it begins, never on when it is read: an export that is
// gone on with after a crash makes the files that it would have made.

import type { Cursor, QueryResult, QuerySpec } from '../../src/kdb/engine.ts';
import { EngineError } from '../../src/kdb/engine-error.ts';
import { maxRows } from '../../src/query/parameter-schema.ts';
import { NotExportable } from './not-exportable.ts';

/** JSON. Raw points: those after this time and tag-set id. Aggregates: buckets from this time on, and no id. */
export interface Place {
  readonly timeNs: string;
  readonly id: number | null;
}

export interface Page {
  readonly result: QueryResult;
  /** Where the page after it begins; null: there is none. */
  readonly next: Place | null;
}

export interface Pages {
  /** At most so many rows (raw points). */
  read(place: Place | null, rows: number): Promise<Page>;
  /** A new file begins: sizes are what they are at the beginning. */
  restart(): void;
}

export type RunQuery = (spec: QuerySpec) => Promise<QueryResult>;

const firstRows = 1_000;
const maxPageRows = 65_536;
const pageBytes = 4 * 1024 * 1024;

/** Of raw points. */
export class RawPages implements Pages {
  readonly #query: RunQuery;
  readonly #spec: QuerySpec;
  #rows = firstRows;
  #ahead: { readonly key: string; readonly result: Promise<QueryResult> } | undefined;

  constructor(query: RunQuery, spec: QuerySpec) {
    this.#query = query;
    this.#spec = spec;
  }

  restart(): void {
    this.#rows = firstRows;
  }

  async read(place: Place | null, rows: number): Promise<Page> {
    const result = await this.#fetch(place, Math.min(rows, this.#rows));
    if (result.rows > 0) {
      const fitting = Math.floor((pageBytes * result.rows) / bytesOf(result));
      this.#rows = Math.max(1, Math.min(maxPageRows, fitting, this.#rows * 8));
    }
    const next = result.next && { timeNs: String(result.next.timeNs), id: result.next.id };
    // The database reads the next page while this one is written.
    if (next && rows > result.rows) this.#fetchAhead(next, Math.min(rows - result.rows, this.#rows));
    return { result, next };
  }

  #fetch(place: Place | null, limit: number): Promise<QueryResult> {
    const ahead = this.#ahead;
    this.#ahead = undefined;
    return ahead?.key === keyOf(place, limit) ? ahead.result : this.#run(place, limit);
  }

  #fetchAhead(place: Place, limit: number): void {
    const result = this.#run(place, limit);
    result.catch(() => {});
    this.#ahead = { key: keyOf(place, limit), result };
  }

  #run(place: Place | null, limit: number): Promise<QueryResult> {
    const after: Cursor | null = place && { timeNs: BigInt(place.timeNs), id: place.id! };
    return this.#query({ ...this.#spec, after, limit, cut: true });
  }
}

/** Of buckets: as many at a time as give a page. Rows come by group only within these. */
export class BucketPages implements Pages {
  readonly #query: RunQuery;
  readonly #spec: QuerySpec;
  readonly #widthNs: bigint;
  #buckets = BigInt(firstRows);

  /** The spec's range is where there is data: steps through empty centuries would not end. */
  constructor(query: RunQuery, spec: QuerySpec, widthNs: bigint) {
    this.#query = query;
    this.#spec = spec;
    this.#widthNs = widthNs;
  }

  restart(): void {
    this.#buckets = BigInt(firstRows);
  }

  async read(place: Place | null): Promise<Page> {
    const { fromNs: firstNs, toNs: endNs } = this.#spec;
    const fromNs = place ? BigInt(place.timeNs) : firstNs;
    for (;;) {
      const edgeNs = floor(fromNs, this.#widthNs) + this.#buckets * this.#widthNs;
      const isLast = edgeNs >= endNs;
      const toNs = isLast ? endNs : edgeNs;
      const isOne = this.#buckets === 1n;
      try {
        const limit = isOne ? maxRows : maxPageRows;
        const result = await this.#query({ ...this.#spec, fromNs, toNs, limit, cut: false });
        if (result.rows < maxPageRows / 4) this.#buckets *= 2n;
        return { result, next: isLast ? null : { timeNs: String(toNs), id: null } };
      } catch (error) {
        if (!(error instanceof EngineError) || error.code !== 'ResultTooLarge') throw error;
        if (isOne) throw tooManyGroups();
        this.#buckets = this.#buckets > 2n ? this.#buckets / 2n : 1n;
      }
    }
  }
}

/** One value per group, over the range. */
export class WholePage implements Pages {
  readonly #query: RunQuery;
  readonly #spec: QuerySpec;

  constructor(query: RunQuery, spec: QuerySpec) {
    this.#query = query;
    this.#spec = spec;
  }

  restart(): void {}

  async read(): Promise<Page> {
    try {
      return { result: await this.#query(this.#spec), next: null };
    } catch (error) {
      throw error instanceof EngineError && error.code === 'ResultTooLarge' ? tooManyGroups() : error;
    }
  }
}

function tooManyGroups(): NotExportable {
  return new NotExportable(`the query has more than ${maxRows} groups; group by fewer tags, or filter`);
}

function keyOf(place: Place | null, limit: number): string {
  return `${place?.timeNs} ${place?.id} ${limit}`;
}

function floor(timeNs: bigint, widthNs: bigint): bigint {
  const rest = timeNs % widthNs;
  return timeNs - (rest < 0n ? rest + widthNs : rest);
}

/** About, in memory. */
function bytesOf({ columns }: QueryResult): number {
  return columns.reduce((sum, column) => {
    if (column.kind === 'tag') return sum + column.index.byteLength;
    if (column.kind === 'string') return sum + column.values.bytes.byteLength + column.values.lengths.byteLength;
    return sum + column.values.byteLength;
  }, 0);
}
