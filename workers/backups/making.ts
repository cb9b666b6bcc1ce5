// A backup from its begin to its end: the engine puts its files aside, each goes to the object store and is read back, the manifest comes last.

import { createHash } from 'node:crypto';
import type { ObjectStore } from '../../src/base/object-store.ts';
import { BackupDamaged, type BackupManifest, manifestKey, manifestText } from '../../src/management/backup-manifest.ts';
import type { NewBackup } from '../../src/management/backups.ts';
import type { Backup, Database, Endpoint } from '../../src/management/records.ts';
import { AgentNotFound } from '../agent-client.ts';
import { Permanent, SliceOver, type TaskRun } from '../kinds/kind.ts';
import { type Draft, type DraftFile, loadDraft, makeDraft } from './draft.ts';
import { loadManifest } from './stored-manifest.ts';
import { holds, inLanes, uploadContents } from './transfer.ts';

/** Files under way at once. */
const lanes = 2;
const saveEveryMs = 1_000;
/** Of one attempt: the database process ends again and again, and what it put aside is gone each time. */
const maxDrafts = 3;

/** Where a backup is. */
export interface BackupCheckpoint {
  /** Key of the draft. */
  readonly draft: string;
  /** So many of its files are uploaded and were read back. */
  readonly done: number;
  /** Uploads under way, by the object's key. */
  readonly uploads: Readonly<Record<string, string>>;
}

type BackupRun = TaskRun<unknown, BackupCheckpoint>;

/** Also from other tasks than a backup's own. The same backup however often it is called in one task. */
export async function makeBackup(run: BackupRun, database: Database, wanted: NewBackup): Promise<Backup> {
  const { task, services, signal } = run;
  const { backups } = services.management;
  const backup = await backups.begin(task, database, wanted);
  if (backup.status === 'complete') return backup;
  if (backup.status !== 'running') throw new Permanent('the backup has failed; make another one');
  const agent = await agentOf(run, database);
  const draft = await uploadAll(run, database, backup, agent);
  await storeManifest(services.objects, draft, signal);
  const complete = await backups.complete(backup, {
    bytes: bytesOf(draft.files),
    uploadedBytes: bytesOf(draft.files.filter(({ isStored }) => !isStored)),
    rows: draft.rows,
    journal: draft.journal,
    takenAt: draft.takenAt,
  });
  await services.agents.deleteBackup(agent, database.id, backup.id, signal);
  return complete;
}

/** What it left behind on the host is removed; what it uploaded goes with the next sweep. */
export async function abandonBackup(run: BackupRun, database: Database | undefined, backup: Backup): Promise<void> {
  const { services, checkpoint, signal } = run;
  for (const [key, uploadId] of Object.entries(checkpoint?.uploads ?? {}))
    await services.objects.abortUpload(key, uploadId);
  if (database?.hostId) {
    await services.agents.deleteBackup(await agentOf(run, database), database.id, backup.id, signal);
  }
  if (backup.status === 'running') await services.management.backups.fail(backup);
}

async function agentOf({ services }: BackupRun, { hostId }: Database): Promise<Endpoint> {
  const host = hostId === null ? undefined : await services.management.hosts.getHost(hostId);
  if (!host) throw new Error('the database is on no host that is known');
  return host.agent;
}

async function uploadAll(run: BackupRun, database: Database, backup: Backup, agent: Endpoint): Promise<Draft> {
  const { services, signal } = run;
  let checkpoint = run.checkpoint;
  for (let drafts = 1; ; drafts++) {
    if (!checkpoint) {
      const base = await baseOf(run, backup);
      const draft = await makeDraft({ backup, database, agent, base, services, signal });
      checkpoint = { draft, done: 0, uploads: {} };
      await run.saveCheckpoint(checkpoint);
    }
    const draft = await loadDraft(services.objects, checkpoint.draft);
    try {
      await uploadFiles(run, draft, checkpoint, agent);
      return draft;
    } catch (error) {
      // What the engine had put aside went with its process. What is uploaded already is found again.
      if (!(error instanceof AgentNotFound) || drafts === maxDrafts) throw error;
      run.log.info('the database process has ended meanwhile; its files are put aside again', { backup: backup.id });
      checkpoint = null;
    }
  }
}

/** Undefined: everything is uploaded. */
async function baseOf({ services, log }: BackupRun, { databaseId, base }: Backup): Promise<BackupManifest | undefined> {
  if (base === null) return undefined;
  try {
    return await loadManifest(services.objects, { databaseId, id: base });
  } catch (error) {
    if (!(error instanceof BackupDamaged)) throw error;
    log.error('a manifest is damaged; everything is uploaded anew', { databaseId, backup: base, error });
    return undefined;
  }
}

async function uploadFiles(
  run: BackupRun,
  { files, databaseId, backup }: Draft,
  checkpoint: BackupCheckpoint,
  agent: Endpoint,
): Promise<void> {
  const { services, signal } = run;
  const { agents, objects } = services;
  const uploads: Record<string, string> = { ...checkpoint.uploads };
  const total = bytesOf(files);
  let doneBytes = bytesOf(files.slice(0, checkpoint.done));
  let savedMs = Date.now();
  const count = (bytes: number): void => {
    doneBytes += bytes;
    run.progress(doneBytes, total, 'bytes');
  };

  async function store(file: DraftFile): Promise<void> {
    const { object, bytes, sha256, volume, name } = file;
    if (
      file.isStored ||
      ((await objects.head(object))?.bytes === bytes && (await holds(objects, object, sha256, signal)))
    )
      return count(bytes);
    const source = await agents.getFile(agent, databaseId, { volume, path: `backup-${backup}/${name}` }, signal);
    await uploadContents(objects, object, source, {
      signal,
      started: (uploadId) => {
        uploads[object] = uploadId;
      },
      uploadId: uploads[object],
      onBytes: count,
      expected: { bytes, sha256 },
    });
    delete uploads[object];
    if (await holds(objects, object, sha256, signal)) return;
    await objects.remove(object);
    throw new Error('the object store gives back other bytes than it was given', { cause: new Error(object) });
  }

  await inLanes(
    { from: checkpoint.done, count: files.length, lanes },
    async (index) => store(files[index]!),
    async (done) => {
      const isOver = run.sliceOver();
      if (!isOver && Date.now() - savedMs < saveEveryMs) return;
      savedMs = Date.now();
      await run.saveCheckpoint({ draft: checkpoint.draft, done, uploads });
      if (isOver && done < files.length) throw new SliceOver();
    },
  );
}

/** Read back too, and never changed once it is there. */
async function storeManifest(store: ObjectStore, draft: Draft, signal: AbortSignal): Promise<void> {
  const files = draft.files.map(({ isStored: _isStored, ...file }) => file);
  const text = manifestText({ ...draft, files });
  const key = manifestKey(draft.databaseId, draft.backup);
  await store.put(key, text);
  if (!(await holds(store, key, createHash('sha256').update(text).digest('hex'), signal)))
    throw new Error('the object store gives back other bytes than it was given', { cause: new Error(key) });
}

function bytesOf(files: readonly { readonly bytes: number }[]): number {
  return files.reduce((sum, { bytes }) => sum + bytes, 0);
}
