import { setTimeout as delay } from 'node:timers/promises';
import type { Log } from '../src/base/log.ts';
import type { ObjectStore } from '../src/base/object-store.ts';
import { exportsKeptDays } from '../src/tasks/export.ts';

const everyMs = 3_600_000;
const dayMs = 86_400_000;

interface FileExpiryOptions {
  readonly objects: ObjectStore;
  readonly clock: () => number;
  readonly log: Log;
}

/** Removes files of exports when their time is over. Every worker looks once an hour; removing twice does no harm. */
export class FileExpiry {
  readonly #options: FileExpiryOptions;
  readonly #stopped = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(options: FileExpiryOptions) {
    this.#options = options;
  }

  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#running;
  }

  async removeExpired(): Promise<number> {
    const { objects, clock } = this.#options;
    const beforeMs = clock() - exportsKeptDays * dayMs;
    let removed = 0;
    for await (const { key, at } of objects.list('exports/')) {
      if (this.#stopped.signal.aborted) break;
      if (at.getTime() >= beforeMs) continue;
      await objects.remove(key);
      removed++;
    }
    return removed;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      try {
        const removed = await this.removeExpired();
        if (removed > 0) this.#options.log.info('files of exports are removed', { removed });
      } catch (error) {
        this.#options.log.warn('files of exports could not be removed', { error });
      }
      await delay(everyMs, undefined, { signal }).catch(() => {});
    }
  }
}
