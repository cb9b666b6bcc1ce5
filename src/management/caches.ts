// The caches of all kinds in one process, and the channel that keeps them together.

import type { CacheCounters } from './cache.ts';
import { RecordCache } from './cache.ts';
import type { Dynamo } from './dynamo.ts';
import type { Entry } from './entry.ts';
import { loadEntry, type RecordKind, type RecordKinds, recordKinds } from './record-kinds.ts';
import type { ZoneCache } from './zone-cache.ts';

export type Caches = { readonly [K in RecordKind]: RecordCache<RecordKinds[K]> };

interface CachesOptions {
  readonly dynamo: Dynamo;
  /** Of this process's zone. */
  readonly zone: ZoneCache | undefined;
  readonly clock: () => number;
  readonly counters: CacheCounters;
}

export function createCaches(options: CachesOptions): Caches {
  const create = <K extends RecordKind>(kind: K): RecordCache<RecordKinds[K]> => {
    const { prefix, usableMs, settled, maxRecords } = recordKinds[kind];
    const load = (key: string): Promise<Entry<RecordKinds[K]>> => loadEntry(options.dynamo, kind, key);
    return new RecordCache<RecordKinds[K]>({ ...options, prefix, usableMs, settled, maxRecords, load });
  };
  const kinds = Object.keys(recordKinds) as RecordKind[];
  const caches = Object.fromEntries(kinds.map((kind) => [kind, create(kind)])) as unknown as Caches;
  options.zone?.listen(
    (redisKey) => {
      const kind = kinds.find((each) => redisKey.startsWith(recordKinds[each].prefix));
      if (kind) caches[kind].drop(redisKey.slice(recordKinds[kind].prefix.length));
    },
    () => {
      for (const kind of kinds) caches[kind].distrustAll();
    },
  );
  return caches;
}
