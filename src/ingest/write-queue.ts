// Requests that are written later: those of one database are gathered for a moment into one object, which is stored before any of them is answered.

import { apiError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { type ObjectStore, ObjectStoreFault } from '../base/object-store.ts';
import { namedBatchId } from '../kdb/batch-id.ts';
import { batchKey, markerKey, newBatchName, type Receipt } from './batch-name.ts';
import {
  type BatchOwner,
  encodeStoredBatch,
  type NewRequest,
  type StoredRequest,
  storedBytes,
  storedRequest,
} from './stored-batch.ts';

const gatherMs = 50;
/** A group is closed with the request that makes it so large. */
const groupLimits = { bytes: 8 * 1024 * 1024, requests: 1_000 };
/** Of all databases, until they are stored. */
const maxWaitingBytes = 128 * 1024 * 1024;

export interface WriteQueueOptions {
  readonly objects: Pick<ObjectStore, 'put'>;
  /** Wakes the workers. What they are not told now, their sweeper finds. */
  readonly announce: (databaseId: string, name: string) => Promise<void>;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
  readonly log: Log;
}

/** Without a batch id it gets one by its place. */
export type QueuedRequest = Omit<NewRequest, 'batchId'> & { readonly batchId?: Uint8Array | undefined };

interface Group {
  readonly name: string;
  readonly database: BatchOwner;
  readonly requests: StoredRequest[];
  bytes: number;
  isClosed: boolean;
  readonly close: () => void;
  readonly closed: Promise<void>;
  readonly stored: PromiseWithResolvers<void>;
}

export class WriteQueue {
  readonly #options: WriteQueueOptions;
  /** By database: those that gather or wait for the one before. */
  readonly #groups = new Map<string, Group[]>();
  #lastMs = 0;
  waitingBytes = 0;
  /** Batches, and requests in them. */
  readonly stored = { batches: 0, requests: 0 };

  constructor(options: WriteQueueOptions) {
    this.#options = options;
  }

  /** Resolves when the request is stored. */
  async add(database: BatchOwner, request: QueuedRequest): Promise<Receipt> {
    if (this.waitingBytes >= maxWaitingBytes) throw apiError('WriteQueueFull', { bytes: this.waitingBytes });
    const group = this.#groupOf(database);
    const index = group.requests.length;
    const batchId = request.batchId ?? namedBatchId(`${database.id}/${group.name}/${index}`);
    const stored = storedRequest({ ...request, batchId });
    group.requests.push(stored);
    const bytes = storedBytes(stored);
    group.bytes += bytes;
    this.waitingBytes += bytes;
    if (group.bytes >= groupLimits.bytes || group.requests.length >= groupLimits.requests) group.close();
    await group.stored.promise;
    return { name: group.name, request: index };
  }

  #groupOf(database: BatchOwner): Group {
    const groups = this.#groups.get(database.id) ?? [];
    const last = groups.at(-1);
    if (last && !last.isClosed) return last;
    const group = this.#newGroup(database);
    groups.push(group);
    if (groups.length > 1) return group;
    this.#groups.set(database.id, groups);
    void this.#storeAll(database.id, groups);
    return group;
  }

  #newGroup({ id, accountId, name }: BatchOwner): Group {
    // Names are in the order of arrival, also when the clock is set back.
    this.#lastMs = Math.max(this.#lastMs + 1, this.#options.clock());
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(() => group.close(), gatherMs);
    const group: Group = {
      name: newBatchName(this.#lastMs),
      database: { id, accountId, name },
      requests: [],
      bytes: 0,
      isClosed: false,
      close: () => {
        clearTimeout(timer);
        group.isClosed = true;
        resolve();
      },
      closed: promise,
      stored: Promise.withResolvers(),
    };
    return group;
  }

  /** One after the other, so that what is announced is in order too. */
  async #storeAll(databaseId: string, groups: Group[]): Promise<void> {
    while (groups.length > 0) {
      const group = groups[0]!;
      await group.closed;
      try {
        await this.#store(group);
        group.stored.resolve();
      } catch (error) {
        const isAway = error instanceof ObjectStoreFault;
        group.stored.reject(isAway ? apiError('ObjectStoreUnavailable', {}, { cause: error }) : error);
      }
      this.waitingBytes -= group.bytes;
      groups.shift();
    }
    this.#groups.delete(databaseId);
  }

  /** In this order: a marker without its batch would be a batch that was lost. */
  async #store({ database, name, requests }: Group): Promise<void> {
    const { objects, announce, log } = this.#options;
    await objects.put(batchKey(database.id, name), encodeStoredBatch({ database, requests }));
    await objects.put(markerKey(database.id, name), '');
    this.stored.batches += 1;
    this.stored.requests += requests.length;
    try {
      await announce(database.id, name);
    } catch (error) {
      log.warn('a batch is stored, its message was not sent', { database: database.id, name, error });
    }
  }
}
