import { setTimeout as delay } from 'node:timers/promises';
import type { Log } from '../src/base/log.ts';
import type { ObjectStore } from '../src/base/object-store.ts';
import { batchesKeptDays, batchPrefixes, placeOf } from '../src/ingest/batch-name.ts';
import { importObject } from '../src/ingest/import.ts';
import type { Tasks } from '../src/management/tasks.ts';
import { exportsKeptDays } from '../src/tasks/export.ts';

const everyMs = 3_600_000;
const dayMs = 86_400_000;

interface FileExpiryOptions {
  readonly objects: ObjectStore;
  readonly tasks: Pick<Tasks, 'getTask'>;
  readonly clock: () => number;
  readonly log: Log;
}

/** Removes files of exports, of imports and of queued writes when their time is over. Every worker looks once an hour; removing twice does no harm. */
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
    return (await this.#removeExports()) + (await this.#removeImports()) + (await this.#removeBatches());
  }

  async #removeExports(): Promise<number> {
    let removed = 0;
    for await (const { key, at } of this.#options.objects.list('exports/')) {
      if (this.#stopped.signal.aborted) break;
      if (this.#isOver(at, exportsKeptDays)) removed += await this.#remove(key);
    }
    return removed;
  }

  async #removeBatches(): Promise<number> {
    let removed = 0;
    for (const prefix of Object.values(batchPrefixes)) {
      for await (const { key, at } of this.#options.objects.list(prefix)) {
        if (this.#stopped.signal.aborted) break;
        if (placeOf(key) && this.#isOver(at, batchesKeptDays)) removed += await this.#remove(key);
      }
    }
    return removed;
  }

  /** One that still waits or runs keeps what it has. */
  async #removeImports(): Promise<number> {
    const { objects, tasks } = this.#options;
    const unfinished = new Map<string, boolean>();
    let removed = 0;
    for await (const { key, at } of objects.list('imports/')) {
      if (this.#stopped.signal.aborted) break;
      const made = importObject(key);
      if (!made || !this.#isOver(at, made.days)) continue;
      const { taskId } = made;
      if (!unfinished.has(taskId)) {
        const task = await tasks.getTask(taskId);
        unfinished.set(taskId, task?.state === 'queued' || task?.state === 'running');
      }
      if (!unfinished.get(taskId)) removed += await this.#remove(key);
    }
    return removed;
  }

  #isOver(at: Date, days: number): boolean {
    return at.getTime() < this.#options.clock() - days * dayMs;
  }

  async #remove(key: string): Promise<1> {
    await this.#options.objects.remove(key);
    return 1;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      try {
        const removed = await this.removeExpired();
        if (removed > 0) this.#options.log.info('files whose time is over are removed', { removed });
      } catch (error) {
        this.#options.log.warn('files whose time is over could not be removed', { error });
      }
      await delay(everyMs, undefined, { signal }).catch(() => {});
    }
  }
}
