import type { QueryResult } from '../kdb/engine.ts';

/** Makes the bytes of one file. Pages of one export have the same columns. */
export interface Encoder {
  /** A page of rows; the bytes of it that are ready. */
  add(page: QueryResult): Iterable<Uint8Array>;
  /** What ends the file. */
  end(): Iterable<Uint8Array>;
}
