// The files of a database on their way from host to host. Parts never change, so that each round sends only what has come since the last one.

import { json } from 'node:stream/consumers';
import { ObjectNotFound, type ObjectStore } from '../../src/base/object-store.ts';
import type { BackupFile, Engine } from '../../src/kdb/engine.ts';
import type { Database, Endpoint } from '../../src/management/records.ts';
import { inLanes } from '../backups/transfer.ts';
import type { TaskRun } from '../kinds/kind.ts';

const lanes = 2;
const noteEveryMs = 2_000;

export interface Way {
  readonly database: Database;
  readonly engine: Engine;
  readonly source: Endpoint;
  readonly target: Endpoint;
  /** Names the files that are put aside on the source. */
  readonly name: string;
  /** What the copy has. */
  readonly arrived: Arrived;
}

/** Path → SHA-256 of the files that the copy has. It is kept in the object store: a list of files may be longer than a task's checkpoint. */
export class Arrived {
  readonly #store: ObjectStore;
  readonly #key: string;
  /** Of the copy: another one has nothing yet. */
  readonly #incarnation: string;
  #files = new Map<string, string>();
  #notedMs = 0;

  private constructor(store: ObjectStore, key: string, incarnation: string) {
    this.#store = store;
    this.#key = key;
    this.#incarnation = incarnation;
  }

  static async load(store: ObjectStore, key: string, incarnation: string): Promise<Arrived> {
    const arrived = new Arrived(store, key, incarnation);
    try {
      const noted = (await json(await store.get(key))) as { incarnation: string; files: [string, string][] };
      if (noted.incarnation === incarnation) arrived.#files = new Map(noted.files);
    } catch (error) {
      if (!(error instanceof ObjectNotFound)) throw error;
    }
    return arrived;
  }

  has(path: string, sha256: string): boolean {
    return this.#files.get(path) === sha256;
  }

  async add(path: string, sha256: string): Promise<void> {
    this.#files.set(path, sha256);
    if (Date.now() - this.#notedMs < noteEveryMs) return;
    this.#notedMs = Date.now();
    await this.#store.put(this.#key, JSON.stringify({ incarnation: this.#incarnation, files: [...this.#files] }));
  }
}

/** Sends what the copy does not have of the database as it is now. Gives how many bytes that were. */
export async function copyRound(
  { database, engine, source, target, name, arrived }: Way,
  { services, progress }: Pick<TaskRun, 'services' | 'progress'>,
  signal: AbortSignal,
): Promise<number> {
  const { agents } = services;
  const files = await engine.backup(name);
  const missing = files.filter((file) => !arrived.has(placeOf(file, database).key, file.sha256));
  const total = bytesOf(files);
  const missingBytes = bytesOf(missing);
  let done = total - missingBytes;
  await inLanes(
    { from: 0, count: missing.length, lanes },
    async (index) => {
      const file = missing[index]!;
      const { volume, path, key } = placeOf(file, database);
      const contents = await agents.getFile(source, database.id, file, signal);
      await agents.putFile(target, database.id, { volume, path }, file.sha256, contents, signal);
      await arrived.add(key, file.sha256);
      done += Number(file.bytes);
      progress(done, total, 'bytes');
    },
    async () => {},
  );
  return missingBytes;
}

/** In the copy. */
function placeOf(
  { volume, path }: BackupFile,
  { move }: Database,
): { readonly volume: number; readonly path: string; readonly key: string } {
  const name = path.slice(path.lastIndexOf('/') + 1);
  const own = volume % move!.volumes;
  return { volume: own, path: name, key: `${own}/${name}` };
}

function bytesOf(files: readonly BackupFile[]): number {
  return files.reduce((sum, { bytes }) => sum + Number(bytes), 0);
}
