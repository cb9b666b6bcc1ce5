// q cannot fsync. Its journal is synced here, through a descriptor of our own, once for all who wait.

import { type FileHandle, open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { SyncTimes } from '../sync-times.ts';

interface Waiting {
  readonly generation: number;
  readonly offset: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** The journal of one database: files journal-<generation>, which rotate over its volumes (kdb/q/journal.q). */
export class JournalSync {
  readonly #volumes: readonly string[];
  readonly #times: SyncTimes;
  #waiting: Waiting[] = [];
  #isSyncing = false;
  /** Every file before this one lasts; of this one, so many bytes. */
  #generation = -1;
  #bytes = 0;
  #file: FileHandle | undefined;

  constructor(volumes: readonly string[], times = new SyncTimes()) {
    this.#volumes = volumes;
    this.#times = times;
  }

  /** How far it is written by now. */
  async end(): Promise<{ generation: number; offset: number }> {
    const generation = Math.max(...(await this.#generations()));
    if (!Number.isFinite(generation)) throw new Error('there is no journal');
    const { size } = await stat(this.#path(generation));
    return { generation, offset: size };
  }

  /** Resolves when everything up to there is on the disk. */
  durable(generation: number, offset: number): Promise<void> {
    if (generation < this.#generation || (generation === this.#generation && offset <= this.#bytes))
      return Promise.resolve();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiting.push({ generation, offset, resolve, reject });
    if (!this.#isSyncing) void this.#sync();
    return promise;
  }

  async close(): Promise<void> {
    await this.#file?.close();
    this.#file = undefined;
  }

  /** Those who come while one sync runs wait for the next one, together. */
  async #sync(): Promise<void> {
    this.#isSyncing = true;
    for (let waiting = this.#waiting; waiting.length > 0; waiting = this.#waiting) {
      this.#waiting = [];
      try {
        const generation = Math.max(...waiting.map((each) => each.generation));
        if (generation > this.#generation) await this.#turnTo(generation);
        const { size } = await this.#file!.stat();
        const startedMs = performance.now();
        await this.#file!.datasync();
        this.#times.add((performance.now() - startedMs) / 1_000);
        this.#bytes = size;
        for (const { generation: wanted, offset, resolve, reject } of waiting) {
          if (wanted < this.#generation || offset <= size) resolve();
          else reject(new Error(`journal ${wanted} ends at ${size}, before ${offset}`));
        }
      } catch (error) {
        for (const { reject } of waiting) reject(error);
      }
    }
    this.#isSyncing = false;
  }

  /** Syncs what was closed since the last time: files that are gone by now are in parts. */
  async #turnTo(generation: number): Promise<void> {
    const closed = (await this.#generations()).filter((number) => number >= this.#generation && number < generation);
    for (const number of closed) await syncPath(this.#path(number));
    // A new file lasts when its name does.
    await syncPath(this.#volumeOf(generation));
    const file = await open(this.#path(generation), 'r+');
    await this.#file?.close();
    this.#file = file;
    this.#generation = generation;
    this.#bytes = 0;
  }

  async #generations(): Promise<number[]> {
    const names = (await Promise.all(this.#volumes.map((volume) => readdir(volume)))).flat();
    return names.flatMap((name) => /^journal-(\d+)$/.exec(name)?.[1] ?? []).map(Number);
  }

  #volumeOf(generation: number): string {
    return this.#volumes[generation % this.#volumes.length]!;
  }

  #path(generation: number): string {
    return join(this.#volumeOf(generation), `journal-${generation}`);
  }
}

async function syncPath(path: string): Promise<void> {
  const handle = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  try {
    await handle?.sync();
  } finally {
    await handle?.close();
  }
}
