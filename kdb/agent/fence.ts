// Which of several starts of one host's agent may run its databases: the newest. Its number, the epoch, stands in the host's item and, for when nobody
// can be asked, on the volumes themselves: whoever has the volumes has the host.

import { randomUUID } from 'node:crypto';
import { open, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ConfigError } from '../../src/base/config.ts';
import type { Log } from '../../src/base/log.ts';
import { type Hosts, HostTaken } from '../../src/management/hosts.ts';
import { syncDirectory, whenMissing } from './home.ts';

const markName = 'volume.json';
/** Always as long: written over in place, it needs no room on a full volume, and within one sector it is written whole. */
const markBytes = 512;

interface VolumeMark {
  readonly hostId: string;
  readonly volumeId: string;
  readonly epoch: number;
}

interface FenceOptions {
  readonly hostId: string;
  readonly volumes: readonly string[];
  readonly log: Log;
}

/** None of the volumes is there, or is this host's. */
export class NoVolumes extends ConfigError {}

export class Fence {
  /** Why a volume is not used, by its path. */
  readonly refused: ReadonlyMap<string, string>;
  /** Of this start. */
  epoch: number;
  /** Why this agent runs nothing any more; null: it is the newest that it knows of. */
  fault: string | null = null;
  readonly #options: FenceOptions;
  readonly #instance = randomUUID();
  readonly #marks: ReadonlyMap<string, VolumeMark>;
  /** The host's item has this epoch. */
  #isKnown = false;
  readonly #lost = Promise.withResolvers<void>();

  /** A volume without a mark is taken into use. NoVolumes. */
  static async open(options: FenceOptions): Promise<Fence> {
    const marks = new Map<string, VolumeMark>();
    const refused = new Map<string, string>();
    for (const volume of options.volumes) {
      try {
        const mark = (await readMark(volume)) ?? (await newMark(volume, options.hostId));
        if (mark.hostId === options.hostId) marks.set(volume, mark);
        else refused.set(volume, belongsTo(volume, mark));
      } catch (error) {
        refused.set(volume, `${volume}: ${(error as Error).message}`);
      }
    }
    for (const reason of refused.values()) options.log.error('a volume is not used', { reason });
    if (marks.size === 0) throw new NoVolumes(`no volume can be used: ${[...refused.values()].join('; ')}`);
    return new Fence(options, marks, refused);
  }

  private constructor(
    options: FenceOptions,
    marks: ReadonlyMap<string, VolumeMark>,
    refused: ReadonlyMap<string, string>,
  ) {
    this.#options = options;
    this.#marks = marks;
    this.refused = refused;
    this.epoch = 1 + Math.max(...[...marks.values()].map(({ epoch }) => epoch));
  }

  get volumes(): readonly string[] {
    return [...this.#marks.keys()];
  }

  /** Resolves when another start is newer. */
  get lost(): Promise<void> {
    return this.#lost.promise;
  }

  /** At the start, before any database: whatever the host's item says is older. Without an answer the volumes decide, and `confirm` asks again. */
  async take(hosts: Pick<Hosts, 'getHost' | 'take'>): Promise<void> {
    const { hostId, log } = this.#options;
    try {
      for (let isTaken = true; isTaken; ) {
        const known = (await hosts.getHost(hostId))?.epoch ?? 0;
        this.epoch = Math.max(this.epoch, known + 1);
        // Another one that starts at this moment came first: it is older, then.
        isTaken = await this.#isRefused(hosts);
      }
    } catch (error) {
      log.warn(
        'the metadata store cannot be asked who has this host; its volumes are attached, so its databases start',
        {
          error,
        },
      );
    }
    await this.#mark();
  }

  /** The host's item knows of this start; if it knows of a newer one, this one is over. */
  async confirm(hosts: Pick<Hosts, 'take'>): Promise<void> {
    if (!this.#isKnown && (await this.#isRefused(hosts))) this.lose();
  }

  /** Before a process is started in these directories, each on a volume. Throws when it must not. */
  async check(directories: readonly string[]): Promise<void> {
    for (const volume of directories.map((path) => dirname(path))) {
      const reason = this.refused.get(volume);
      if (reason !== undefined) throw new Error(reason);
      const mark = this.#marks.has(volume) ? await readMark(volume).catch(() => undefined) : undefined;
      if (mark && mark.hostId !== this.#options.hostId) throw new Error(belongsTo(volume, mark));
      if (mark && mark.epoch > this.epoch) this.lose();
    }
    if (this.fault !== null) throw new Error(this.fault);
  }

  lose(): void {
    if (this.fault !== null) return;
    const { hostId, log } = this.#options;
    this.fault = `the host ${hostId} is another agent's now, which started after this one (epoch ${this.epoch})`;
    log.error('this agent runs nothing any more', { reason: this.fault });
    this.#lost.resolve();
  }

  async #isRefused(hosts: Pick<Hosts, 'take'>): Promise<boolean> {
    try {
      await hosts.take(this.#options.hostId, { epoch: this.epoch, instance: this.#instance });
      this.#isKnown = true;
      return false;
    } catch (error) {
      if (error instanceof HostTaken) return true;
      throw error;
    }
  }

  /** A read-only volume keeps its mark; the others have the new one. */
  async #mark(): Promise<void> {
    for (const [volume, mark] of this.#marks) {
      await writeMark(volume, { ...mark, epoch: this.epoch }, 'r+').catch((error: unknown) => {
        this.#options.log.warn('a volume cannot be marked', { volume, error });
      });
    }
  }
}

async function readMark(volume: string): Promise<VolumeMark | undefined> {
  const text = await readFile(join(volume, markName), 'utf8').catch(whenMissing(undefined));
  return text === undefined ? undefined : (JSON.parse(text) as VolumeMark);
}

async function newMark(volume: string, hostId: string): Promise<VolumeMark> {
  const mark = { hostId, volumeId: randomUUID(), epoch: 0 };
  await writeMark(volume, mark, 'wx');
  await syncDirectory(volume);
  return mark;
}

async function writeMark(volume: string, mark: VolumeMark, flags: 'r+' | 'wx'): Promise<void> {
  const file = await open(join(volume, markName), flags, 0o600);
  try {
    await file.write(`${JSON.stringify(mark).padEnd(markBytes - 1)}\n`, 0);
    await file.sync();
  } finally {
    await file.close();
  }
}

function belongsTo(volume: string, { hostId, volumeId }: VolumeMark): string {
  return `${volume} is volume ${volumeId} of host ${hostId}`;
}
