// The lasting half of a database: manifest, parts and state on the volumes.
import type { Log } from '../../../src/base/log.ts';
import { type FileLayer, MaybeReplaced } from './files.ts';
import { generationOf, journalName } from './journal-file.ts';
import { type Manifest, manifestName, newManifest, readManifest, writeManifest } from './manifest.ts';
import { Part, type PartEntry, partName, ReadQueue } from './part.ts';
import { PartSet } from './parts.ts';
import { readState, type State, writeState } from './state.ts';

/** Parts and states, also unfinished ones. */
const partPattern = /^(part-\d{10}\.tsg|state-\d{10}\.bin)(\.new)?$/;

/** What parts cover: everything before a journal file. */
export type Covered = Pick<Manifest, 'journal' | 'savedMs'> & Partial<Pick<Manifest, 'recovered'>>;

export class Storage {
  readonly files: FileLayer;
  readonly volumes: readonly string[];
  readonly #queues: readonly ReadQueue[];
  #manifest: Manifest;
  #parts: PartSet;
  /** Files for a manifest that may or may not be there after a crash: the next one decides. */
  #doubtful: string[] = [];
  readonly isNew: boolean;

  private constructor(files: FileLayer, volumes: readonly string[], manifest: Manifest | null) {
    this.files = files;
    this.volumes = volumes;
    this.#queues = volumes.map(() => new ReadQueue());
    this.isNew = manifest === null;
    this.#manifest = manifest ?? newManifest(volumes.length);
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

  /** `isRestored`: its parts came from a backup, and may stand on any volume. */
  static async open(files: FileLayer, volumes: readonly string[], isRestored = false): Promise<Storage> {
    const manifest = await readManifest(files, volumes[0]!);
    if (!manifest) await (isRestored ? refuseWithoutManifest(volumes) : checkIsNew(files, volumes));
    const storage = new Storage(
      files,
      volumes,
      manifest && isRestored ? await adopt(files, volumes, manifest) : manifest,
    );
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

  /** The same rows in other parts: what is covered of the journal stays as it is. */
  async replaceParts(gone: ReadonlySet<Part>, added: readonly PartEntry[]): Promise<void> {
    const next = this.#parts.without(
      gone,
      added.map((entry) => this.#part(entry)),
    );
    let manifest: Manifest;
    try {
      manifest = await this.#writeManifest({}, added, next);
    } catch (error) {
      if (error instanceof MaybeReplaced) this.#doubtful.push(...added.map((entry) => this.#pathOf(entry)));
      throw error;
    }
    this.#manifest = manifest;
    this.#parts = next;
    for (const part of gone) part.retire();
  }

  /** All or nothing: after it the new parts are live, the old ones go when nobody reads them. `onLive` runs in the very turn in which that happens. */
  async replace(
    gone: ReadonlySet<Part>,
    added: readonly PartEntry[],
    state: State,
    covered: Covered,
    onLive: () => void,
  ): Promise<void> {
    const name = `state-${String(covered.journal).padStart(10, '0')}.bin`;
    const statePath = `${this.volumes[0]}/${name}`;
    const next = this.#parts.without(
      gone,
      added.map((entry) => this.#part(entry)),
    );
    let manifest: Manifest;
    try {
      const saved = await writeState(this.files, this.volumes[0]!, name, state);
      manifest = await this.#writeManifest({ ...covered, state: saved }, added, next);
    } catch (error) {
      if (error instanceof MaybeReplaced) this.#doubtful.push(statePath, ...added.map((entry) => this.#pathOf(entry)));
      else await this.#remove([statePath]);
      throw error;
    }
    const old = this.#manifest.state;
    this.#manifest = manifest;
    this.#parts = next;
    onLive();
    for (const part of gone) part.retire();
    if (old) this.#doubtful.push(`${this.volumes[0]}/${old.name}`);
    await this.#remove(this.#doubtful);
    this.#doubtful = [];
  }

  async #writeManifest(change: Partial<Manifest>, added: readonly PartEntry[], next: PartSet): Promise<Manifest> {
    // The directories of new parts, before the manifest can name them.
    for (const volume of new Set(added.map((entry) => entry.volume)))
      await this.files.syncDirectory(this.volumes[volume]!);
    const manifest = { ...this.#manifest, ...change, parts: next.parts.map(({ entry }) => entry) };
    await writeManifest(this.files, this.volumes[0]!, manifest);
    return manifest;
  }

  /** Removes parts that no manifest is to name. */
  discard(parts: readonly PartEntry[]): Promise<void> {
    return this.#remove(parts.map((entry) => this.#pathOf(entry)).filter((path) => !this.#doubtful.includes(path)));
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

  #pathOf({ volume, number }: PartEntry): string {
    return `${this.volumes[volume]}/${partName(number)}`;
  }

  async #remove(paths: readonly string[]): Promise<void> {
    for (const path of paths) await this.files.remove(path).catch(() => undefined);
  }

  /** What a crash left behind: parts and states that no manifest names. Only once everything that is named was found: these may be other volumes. */
  async removeUnlisted(log: Log): Promise<void> {
    const live = new Set([
      ...this.#manifest.parts.map(({ number, volume }) => `${volume}/${partName(number)}`),
      `0/${this.#manifest.state?.name}`,
    ]);
    for (const [volume, directory] of this.volumes.entries()) {
      for (const name of await this.files.list(directory)) {
        const isOurs = partPattern.test(name) || name === `${manifestName}.new`;
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

/** The manifest with its parts where they stand now. It lasts from here on: after a crash nothing is to be looked for again. */
async function adopt(files: FileLayer, volumes: readonly string[], manifest: Manifest): Promise<Manifest> {
  const found = new Map<string, number>();
  for (const [volume, directory] of volumes.entries())
    for (const name of await files.list(directory)) found.set(name, volume);
  const parts = manifest.parts.map((entry) => {
    const volume = found.get(partName(entry.number));
    if (volume === undefined) throw new Error(`${partName(entry.number)} is on none of the volumes: restore it`);
    return { ...entry, volume };
  });
  if (parts.every(({ volume }, i) => volume === manifest.parts[i]!.volume)) return manifest;
  const adopted = { ...manifest, parts };
  await writeManifest(files, volumes[0]!, adopted);
  return adopted;
}

async function refuseWithoutManifest(volumes: readonly string[]): Promise<never> {
  throw new Error(`${volumes[0]}/${manifestName} is missing: a backup has it on its first volume`);
}

/** Without a manifest everything is in the journal, from its first file on; unless the manifest is lost, or this is another volume than the first. */
async function checkIsNew(files: FileLayer, volumes: readonly string[]): Promise<void> {
  const names = (await Promise.all(volumes.map((volume) => files.list(volume)))).flat();
  if (names.includes(journalName(1))) return;
  const found = names.find((name) => partPattern.test(name) || generationOf(name) !== null);
  if (!found) return;
  throw new Error(
    `${volumes[0]}/${manifestName} is missing, but ${found} is there: name the volumes in the order in which the database was made, or restore it from a backup`,
  );
}
