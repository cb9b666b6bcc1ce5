import { LRUCache } from 'lru-cache';
import type { SeriesInfo } from '../kdb/engine.ts';
import { engineCall } from './engine-call.ts';
import type { Context } from './step.ts';

/** Series definitions by database id and name. What they say may be old: fields and tags are added by writes that went elsewhere. */
const known = new LRUCache<string, SeriesInfo>({
  max: 10_000,
  // Columns, some 100 bytes each: a series may have a thousand.
  maxSize: 500_000,
  sizeCalculation: ({ tags, fields }) => 1 + tags.length + fields.length,
});

export interface Definition {
  readonly info: SeriesInfo;
  /** false: read from the engine for this request. */
  readonly cached: boolean;
}

/** The definition of the series; `fresh` asks the engine, which costs a round trip of some 0.2 ms. */
export async function definition(context: Context, series: string, fresh: boolean): Promise<Definition> {
  const key = `${context.database!.id}\0${series}`;
  const found = fresh ? undefined : known.get(key);
  if (found) return { info: found, cached: true };
  known.delete(key);
  const info = await engineCall(context, (engine) => engine.describe(series));
  known.set(key, info);
  return { info, cached: false };
}
