// What a backup will consist of, once everything is uploaded. It is kept in the object store while that goes on: a list of files may be
// longer than a task's checkpoint.

import { randomBytes } from 'node:crypto';
import { json } from 'node:stream/consumers';
import type { ObjectStore } from '../../src/base/object-store.ts';
import type { SeriesDefinition } from '../../src/kdb/engine.ts';
import { type BackupManifest, type ManifestFile, objectKey } from '../../src/management/backup-manifest.ts';
import type { Backup, Database, Endpoint } from '../../src/management/records.ts';
import type { SeriesCatalogue } from '../../src/management/series.ts';
import type { WorkerServices } from '../kinds/kind.ts';
import { storeFigures } from './figure-objects.ts';
import { allSeries, figuresOf } from './figures.ts';
import { inLanes } from './transfer.ts';

export interface DraftFile extends ManifestFile {
  /** An earlier backup has it. */
  readonly isStored: boolean;
}

export type Draft = Omit<BackupManifest, 'files'> & { readonly files: readonly DraftFile[] };

const lanes = 8;

export interface DraftOptions {
  readonly backup: Backup;
  readonly database: Database;
  readonly agent: Endpoint;
  /** Whose objects may be named. */
  readonly base: BackupManifest | undefined;
  readonly services: Pick<WorkerServices, 'agents' | 'objects' | 'connect' | 'management'>;
  readonly signal: AbortSignal;
}

/** Has the engine put its files aside, and gives the key under which the draft is kept. */
export async function makeDraft({ backup, database, agent, base, services, signal }: DraftOptions): Promise<string> {
  const { agents, objects, connect, management } = services;
  const own = (name: string): string => objectKey(database.id, backup.id, name);
  const attempt = randomBytes(6).toString('hex');
  const engine = await connect(database);
  try {
    const before = await storeFigures(objects, own(`figures-before-${attempt}`), figuresOf(engine, signal), signal);
    // By the clock that says when points arrive: they are compared with that.
    const now = async (): Promise<string> => new Date((await agents.health(agent, signal)).clockMs).toISOString();
    const begunAt = await now();
    const files = await engine.backup(backup.id);
    const takenAt = await now();
    const after = await storeFigures(objects, own(`figures-after-${attempt}`), figuresOf(engine, signal), signal);
    let rows = 0n;
    for await (const series of allSeries(engine)) rows += series.rows;
    const { incarnation } = await agents.getDatabase(agent, database.id, signal);
    const named = files.map(({ volume, path, bytes, sha256 }) => ({
      volume,
      name: path.slice(path.lastIndexOf('/') + 1),
      bytes: Number(bytes),
      sha256,
    }));
    const draft: Draft = {
      format: 1,
      backup: backup.id,
      databaseId: database.id,
      databaseName: database.name,
      region: database.region,
      createdAt: backup.createdAt,
      begunAt,
      takenAt,
      volumes: database.volumes,
      schema: database.schema,
      rows: Number(rows),
      series: await definitionsOf(management.series, database.id),
      journal: journalOf(incarnation, named),
      files: await withObjects(objects, named, base, own),
      figures: { before, after },
    };
    const key = own(`draft-${attempt}`);
    await objects.put(key, JSON.stringify(draft));
    return key;
  } finally {
    await engine.close();
  }
}

export async function loadDraft(store: ObjectStore, key: string): Promise<Draft> {
  return (await json(await store.get(key))) as Draft;
}

async function definitionsOf(catalogue: SeriesCatalogue, databaseId: string): Promise<SeriesDefinition[]> {
  const definitions: SeriesDefinition[] = [];
  for (let after: string | undefined; ; ) {
    const { records, next } = await catalogue.pageOfSeries(databaseId, after);
    definitions.push(...records.map(({ name, tags, fields }) => ({ series: name, tags, fields })));
    if (next === null) return definitions;
    after = next;
  }
}

/** Where each file is, or will be. What the base names is looked at: it is not uploaded a second time. */
async function withObjects(
  store: ObjectStore,
  files: readonly Omit<DraftFile, 'object' | 'isStored'>[],
  base: BackupManifest | undefined,
  own: (name: string) => string,
): Promise<DraftFile[]> {
  const known = new Map(base?.files.map(({ sha256, object }) => [sha256, object]));
  const found: DraftFile[] = [];
  await inLanes(
    { from: 0, count: files.length, lanes },
    async (index) => {
      const file = files[index]!;
      const object = known.get(file.sha256);
      const isStored = object !== undefined && (await store.head(object))?.bytes === file.bytes;
      found[index] = { ...file, object: isStored ? object : own(file.sha256), isStored };
    },
    async () => {},
  );
  return found;
}

/** Later journal files continue the oldest one that the backup has. Without any there is nothing to continue. */
function journalOf(incarnation: string, files: readonly { readonly name: string }[]): BackupManifest['journal'] {
  const generations = files.flatMap(({ name }) => /^journal-(\d+)\.log$/.exec(name)?.[1] ?? []).map(Number);
  return generations.length === 0 ? null : { incarnation, generation: Math.min(...generations) };
}
