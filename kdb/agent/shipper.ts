// Takes away what the databases of this host have written: complete files of their journals go to the object store, so that a volume that
// is lost takes no more than its last minute along.

import { createReadStream } from 'node:fs';
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Log } from '../../src/base/log.ts';
import type { ObjectStore } from '../../src/base/object-store.ts';
import { uploadStream } from '../../src/base/objects/upload-stream.ts';
import { shippedChecksumKey, shippedKey } from '../../src/management/shipped-journal.ts';
import type { DatabaseConfig } from '../database-config.ts';
import type { Agent } from './agent.ts';
import { whenMissing } from './home.ts';

/** A file is complete 50 s after its first record, and is to be away within a minute. */
const lookEveryMs = 3_000;
/** Databases at once: each has two buffers of 8 MiB. */
const lanes = 2;
const maxWaitingBytes = 4 * 1024 ** 3;

/** The engine's: links to complete files, in the directory of each volume. */
const shippingFolder = 'shipping';
const fileName = /^journal-(\d{10})\.log$/;

interface ShipperOptions {
  readonly agent: Pick<Agent, 'processes'>;
  readonly objects: ObjectStore;
  readonly log: Log;
  /** What may wait of one database while the object store is away. */
  readonly maxWaitingBytes?: number;
}

interface WaitingFile {
  readonly path: string;
  readonly generation: number;
  readonly bytes: number;
}

export class Shipper {
  readonly #options: ShipperOptions;
  readonly #stop = new AbortController();
  #kept: Promise<void> = Promise.resolve();
  #isAway = false;

  constructor(options: ShipperOptions) {
    this.#options = options;
  }

  start(): void {
    this.#kept = this.#keep();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#kept;
  }

  async #keep(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      await this.ship();
      await delay(lookEveryMs, undefined, { signal: this.#stop.signal }).catch(() => {});
    }
  }

  /** Everything that waits now. */
  async ship(): Promise<void> {
    const { agent, log } = this.#options;
    const configs = agent.processes().map(({ config }) => config);
    const next = configs.values();
    let isAway = false;
    const lane = async () => {
      for (const config of next) {
        try {
          await this.#shipDatabase(config);
        } catch (error) {
          if (this.#stop.signal.aborted) return;
          isAway = true;
          // Once, until it works again: what waits says the rest.
          if (!this.#isAway)
            log.warn('journals cannot be shipped; it is tried again', { databaseId: config.databaseId, error });
        }
      }
    };
    await Promise.all(Array.from({ length: lanes }, lane));
    if (this.#isAway && !isAway) log.info('journals are shipped again');
    this.#isAway = isAway;
  }

  async #shipDatabase(config: DatabaseConfig): Promise<void> {
    for (const file of await this.#bounded(config, await waitingFiles(config))) {
      this.#stop.signal.throwIfAborted();
      await this.#shipFile(config, file);
    }
  }

  /** Beyond the bound the oldest go: what a database may write must not be taken by what it has written. */
  async #bounded({ databaseId }: DatabaseConfig, files: readonly WaitingFile[]): Promise<readonly WaitingFile[]> {
    const { log } = this.#options;
    const bound = this.#options.maxWaitingBytes ?? maxWaitingBytes;
    let bytes = files.reduce((sum, file) => sum + file.bytes, 0);
    let gone = 0;
    for (; bytes > bound; gone++) {
      const { path, bytes: own } = files[gone]!;
      await rm(path, { force: true });
      bytes -= own;
      log.error('a file of the journal was never shipped: a moment before the next backup cannot be restored', {
        databaseId,
        path,
        bytes: own,
      });
    }
    return files.slice(gone);
  }

  /** Its checksum is stored last, so whoever finds that finds the file. */
  async #shipFile({ databaseId, incarnation }: DatabaseConfig, { path, generation }: WaitingFile): Promise<void> {
    const { objects, log } = this.#options;
    const place = { incarnation, generation };
    const stored = await uploadStream(
      objects,
      shippedKey(databaseId, place),
      createReadStream(path),
      this.#stop.signal,
    );
    await objects.put(shippedChecksumKey(databaseId, place), JSON.stringify(stored));
    await rm(path, { force: true });
    log.debug('a file of the journal was shipped', { databaseId, generation, bytes: stored.bytes });
  }
}

/** Oldest first. A volume that is away has none. */
async function waitingFiles({ volumes }: DatabaseConfig): Promise<WaitingFile[]> {
  const files: WaitingFile[] = [];
  for (const volume of volumes) {
    const folder = join(volume, shippingFolder);
    for (const name of await readdir(folder).catch(whenMissing<string[]>([]))) {
      const generation = fileName.exec(name)?.[1];
      if (generation === undefined) continue;
      const path = join(folder, name);
      const { size } = await stat(path);
      files.push({ path, generation: Number(generation), bytes: size });
    }
  }
  return files.sort((a, b) => a.generation - b.generation);
}
