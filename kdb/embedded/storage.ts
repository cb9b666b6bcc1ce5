// The lasting half of a database: manifest, parts and state on the volumes.
import type { Log } from '../../src/base/log.ts';
import type { FileLayer } from './files.ts';
import { type Manifest, manifestName, readManifest, writeManifest } from './manifest.ts';
import { Part, type PartEntry, partName, ReadQueue } from './part.ts';
import { PartSet } from './parts.ts';
import { readState, type State, writeState } from './state.ts';

export class Storage {
  readonly files: FileLayer;
  readonly volumes: readonly string[];
  readonly #queues: readonly ReadQueue[];
  #manifest: Manifest;
  #parts: PartSet;
  readonly isNew: boolean;

  private constructor(files: FileLayer, volumes: readonly string[], manifest: Manifest | null) {
    this.files = files;
    this.volumes = volumes;
    this.#queues = volumes.map(() => new ReadQueue());
    this.isNew = manifest === null;
    this.#manifest = manifest ?? { format: 1, slices: volumes.length, journal: 1, nextPart: 1, state: null, parts: [] };
    for (const { number, volume } of this.#manifest.parts) {
      if (!volumes[volume])
        throw new Error(
          `${partName(number)} stands on volume ${volume}, and the configuration names ${volumes.length}: add the missing directories`,
        );
    }
    this.#parts = new PartSet(
      this.#manifest.parts.map((entry) => this.#part(entry)),
      this.#manifest.slices,
    );
  }

  static async open(files: FileLayer, volumes: readonly string[], log: Log): Promise<Storage> {
    const manifest = await readManifest(files, volumes[0]!);
    const storage = new Storage(files, volumes, manifest);
    await storage.#removeUnlisted(log);
    await storage.#checkParts();
    return storage;
  }

  get parts(): PartSet {
    return this.#parts;
  }

  get manifest(): Manifest {
    return this.#manifest;
  }

  /** Where the journal begins. */
  get journal(): number {
    return this.#manifest.journal;
  }

  async readState(): Promise<State | null> {
    return this.#manifest.state && readState(this.files, this.volumes[0]!, this.#manifest.state);
  }

  takePartNumber(): number {
    const number = this.#manifest.nextPart;
    this.#manifest = { ...this.#manifest, nextPart: number + 1 };
    return number;
  }

  /** All or nothing: after it the new parts are live, the old ones go when nobody reads them. `onLive` runs in the very turn in which that happens. */
  async replace(
    gone: ReadonlySet<Part>,
    added: readonly PartEntry[],
    state: State,
    journal: number,
    onLive: () => void,
  ): Promise<void> {
    const name = `state-${String(journal).padStart(10, '0')}.bin`;
    const next = this.#parts.without(
      gone,
      added.map((entry) => this.#part(entry)),
    );
    try {
      // The directories of new parts, before the manifest can name them.
      for (const volume of new Set(added.map((entry) => entry.volume)))
        await this.files.syncDirectory(this.volumes[volume]!);
      const saved = await writeState(this.files, this.volumes[0]!, name, state);
      const manifest = { ...this.#manifest, journal, state: saved, parts: next.parts.map(({ entry }) => entry) };
      await writeManifest(this.files, this.volumes[0]!, manifest);
      const old = this.#manifest.state?.name;
      this.#manifest = manifest;
      this.#parts = next;
      onLive();
      for (const part of gone) part.retire();
      if (old && old !== name) await this.files.remove(`${this.volumes[0]}/${old}`).catch(() => undefined);
    } catch (error) {
      if (this.#manifest.state?.name !== name)
        await this.files.remove(`${this.volumes[0]}/${name}`).catch(() => undefined);
      throw error;
    }
  }

  async bytesPerVolume(): Promise<BigInt64Array> {
    const bytes = new BigInt64Array(this.volumes.length);
    for (const { entry } of this.#parts.parts) bytes[entry.volume]! += BigInt(entry.bytes);
    bytes[0]! += BigInt(this.#manifest.state?.bytes ?? 0);
    return bytes;
  }

  #part(entry: PartEntry): Part {
    return new Part(this.files, this.volumes[entry.volume]!, this.#queues[entry.volume]!, entry);
  }

  /** What a crash left behind: parts and states that no manifest names. */
  async #removeUnlisted(log: Log): Promise<void> {
    const live = new Set([
      ...this.#manifest.parts.map(({ number, volume }) => `${volume}/${partName(number)}`),
      `0/${this.#manifest.state?.name}`,
    ]);
    for (const [volume, directory] of this.volumes.entries()) {
      for (const name of await this.files.list(directory)) {
        const isOurs = /^(part-\d{10}\.tsg|state-\d{10}\.bin)(\.new)?$/.test(name) || name === `${manifestName}.new`;
        if (!isOurs || live.has(`${volume}/${name}`)) continue;
        await this.files.remove(`${directory}/${name}`);
        log.info('removed an unfinished file', { path: `${directory}/${name}` });
      }
    }
  }

  async #checkParts(): Promise<void> {
    for (const { path, entry } of this.#parts.parts) {
      const bytes = await this.files.size(path).catch(() => null);
      if (bytes === entry.bytes) continue;
      throw new Error(
        `${path} is ${bytes === null ? 'missing' : `${bytes} bytes long instead of ${entry.bytes}`}: mount its volume or restore it, or restore the database from a backup`,
      );
    }
  }
}
