import type { ChangeEvent } from '../src/management/event.ts';
import { recordKinds } from '../src/management/record-kinds.ts';
import type { ZoneCache } from '../src/management/zone-cache.ts';
import type { CacheMender } from './cache-mender.ts';

/** The replicator's side of one zone. It knows whether the zone may have missed news. */
export class ZoneWriter {
  readonly #cache: ZoneCache;
  readonly #mender: Pick<CacheMender, 'mend'>;
  /** News that the zone did not take; the first is whatever a replicator before this one had in hand. */
  #missed = 1;
  #fenced = 0;

  constructor(cache: ZoneCache, mender: Pick<CacheMender, 'mend'>) {
    this.#cache = cache;
    this.#mender = mender;
  }

  /** False when the zone did not take it. `ageMs`: how long ago DynamoDB had this version, if that is known. */
  async apply({ kind, key, version, record }: ChangeEvent, ageMs: number | undefined): Promise<boolean> {
    const stands = await this.#cache.put(recordKinds[kind].prefix + key, { version, record, ageMs, news: true });
    if (!stands) this.#missed += 1;
    return stands !== undefined;
  }

  /** Something may never come. */
  lose(): void {
    this.#missed += 1;
    this.#mender.mend();
  }

  /** The feed is current. A zone that missed something is told first that what it holds is not. */
  async beat(delayMs: number, heldMs: number): Promise<void> {
    const missed = this.#missed;
    const taken = await this.#cache.beat(delayMs, { fence: missed > this.#fenced, heldMs });
    if (taken) this.#fenced = missed;
    else this.#missed += 1;
    // It has forgotten what it was told, and an older event that is still on its way would be news to it.
    if (taken?.wasEmpty) this.#mender.mend();
  }
}
