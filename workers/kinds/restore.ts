import { setTimeout as delay } from 'node:timers/promises';
import type { ObjectStore } from '../../src/base/object-store.ts';
import type { SeriesDefinition, SeriesInfo } from '../../src/kdb/engine.ts';
import { BackupDamaged, type BackupManifest } from '../../src/management/backup-manifest.ts';
import type { Backups } from '../../src/management/backups.ts';
import type { DatabaseReport } from '../../src/management/host-agent.ts';
import type { Database, Endpoint, RestoreParams } from '../../src/management/records.ts';
import { journalPrefix } from '../../src/management/shipped-journal.ts';
import { allSeries } from '../backups/figures.ts';
import { type FillCheckpoint, fillDatabase } from '../backups/filling.ts';
import { type ShippedJournal, shippedJournals } from '../backups/journals.ts';
import { removeObjects } from '../backups/removal.ts';
import { loadManifest } from '../backups/stored-manifest.ts';
import { taskDatabase } from './database.ts';
import { type Kind, Permanent, Postponed, type TaskRun } from './kind.ts';
import { placeDatabase, untilHello } from './placement.ts';

const hourMs = 3_600_000;
const lookEveryMs = 250;
/** Journal files are closed and shipped once a minute. */
const shippedAfterMs = 90_000;

export interface RestoreResult {
  readonly rows: number;
  readonly files: number;
  readonly bytes: number;
  /** ISO time up to which the journal was applied; null: as the backup had it. */
  readonly until: string | null;
  readonly journalRecords: number;
  /** Everything that had arrived by then is there. What came between it and `until` was either nothing, or it never left the host. */
  readonly recoveredUntil: string;
}

type RestoreRun = TaskRun<RestoreParams, FillCheckpoint>;

/** Fills a new database with the files of a backup, checks every one of them, and starts it. */
export const restore: Kind<RestoreParams, FillCheckpoint, RestoreResult> = {
  lanes: 2,
  timeLimitMs: 24 * hourMs,
  maxAttempts: 8,
  params: {
    type: 'object',
    required: ['backup', 'databaseId', 'region', 'until'],
    additionalProperties: false,
    properties: {
      backup: { type: 'string', maxLength: 64 },
      databaseId: { type: 'string', maxLength: 64 },
      region: { type: 'string', maxLength: 64 },
      until: { type: 'string', nullable: true, maxLength: 32 },
    },
  },
  async run(run) {
    const { task, params, services } = run;
    const { databases, backups } = services.management;
    const database = await taskDatabase(task, services.management);
    if (!database) throw new Permanent('the database that was to be filled is gone');
    if (database.status !== 'restoring' && database.status !== 'active')
      throw new Permanent(`the database that was to be filled is ${database.status}`);
    const source = services.objectsOf(params.region);
    if (database.status === 'restoring')
      await backups.hold({ databaseId: params.databaseId, id: params.backup }, task.id);
    try {
      const manifest = await loadManifest(source, { databaseId: params.databaseId, id: params.backup });
      const untilMs = await untilOf(run, manifest);
      const { placed, agent, report } = await placeDatabase(database, run, {
        timeLimitMs: restore.timeLimitMs,
        filling: true,
      });
      if (report.state === 'filling') {
        await fillDatabase({ run, database: placed, agent, manifest, source, untilMs });
        await services.agents.startDatabase(
          agent,
          placed.id,
          { recover: untilMs === null ? null : { untilMs } },
          run.signal,
        );
      }
      const started = await untilRunning(agent, placed, run);
      const series = await seriesOf(started, placed, run);
      if (placed.status === 'restoring') {
        await defineSeries(run, placed, manifest, series);
        await databases.change(placed, { status: 'active', endpoint: started.endpoint! });
      }
      await backups.release({ databaseId: params.databaseId, id: params.backup }, task.id);
      return resultOf(
        manifest,
        started,
        series.reduce((sum, { rows }) => sum + Number(rows), 0),
      );
    } catch (error) {
      if (error instanceof BackupDamaged) throw new Permanent(error.message, { cause: error });
      throw error;
    }
  },
  giveUp: removeHalfMade,
  cancel: removeHalfMade,
};

/** Null: as the backup has it. */
async function untilOf({ params, services }: RestoreRun, manifest: BackupManifest): Promise<number | null> {
  if (params.until === null) return null;
  const { takenAt } = manifest;
  const untilMs = Date.parse(params.until);
  if (untilMs < Date.parse(takenAt))
    throw new Permanent(`the backup is of ${takenAt}, later than ${params.until}: choose an earlier one`);
  const shippedMs = untilMs + shippedAfterMs;
  if (services.management.clock() < shippedMs)
    throw new Postponed(shippedMs, `waits until the journal up to ${params.until} is in the object store`);
  await requireOneJournal(services.management.backups, manifest, untilMs);
  await requireNoOtherJournal(services.objectsOf(params.region), manifest, untilMs);
  return untilMs;
}

/** After a move the journal goes on under another incarnation, and the first backup there has all that came before. */
async function requireOneJournal(
  backups: Pick<Backups, 'listBackups'>,
  { backup, databaseId, journal, takenAt }: BackupManifest,
  untilMs: number,
): Promise<void> {
  const later = (await backups.listBackups(databaseId)).filter(
    (each) =>
      each.status === 'complete' &&
      each.takenAt !== null &&
      Date.parse(each.takenAt) > Date.parse(takenAt) &&
      Date.parse(each.takenAt) <= untilMs,
  );
  if (later.some((each) => each.journal && each.journal.incarnation !== journal?.incarnation))
    throw new Permanent(
      `the database was moved after backup ${backup}, and its journal ends there: restore backup ${later.at(-1)!.id}`,
    );
}

/** Between a move and the first backup after it there is only the journal of its new place, with nothing that it continues. */
async function requireNoOtherJournal(
  source: ObjectStore,
  { backup, databaseId, journal, takenAt }: BackupManifest,
  untilMs: number,
): Promise<void> {
  const isOther = ({ incarnation, at }: ShippedJournal): boolean =>
    incarnation !== journal?.incarnation &&
    at.getTime() > Date.parse(takenAt) &&
    at.getTime() - shippedAfterMs <= untilMs;
  if ((await shippedJournals(source, databaseId)).some(isOther))
    throw new Permanent(
      `the database was moved after backup ${backup}, and its journal ends there: choose an earlier time, or the first backup after the move`,
    );
}

/** What its journal holds is applied first, which may take long. */
async function untilRunning(
  agent: Endpoint,
  { id }: Database,
  { services, signal }: RestoreRun,
): Promise<DatabaseReport> {
  for (;;) {
    const report = await services.agents.getDatabase(agent, id, signal);
    if (report.state === 'running' && report.endpoint) return report;
    if (report.state !== 'starting')
      throw new Error(`the restored database process is ${report.state}`, { cause: report.fault });
    await delay(lookEveryMs, undefined, { signal });
  }
}

async function seriesOf(report: DatabaseReport, database: Database, run: RestoreRun): Promise<SeriesInfo[]> {
  await untilHello(report.endpoint!, database, run);
  const engine = await run.services.connect({ ...database, endpoint: report.endpoint });
  try {
    return await Array.fromAsync(allSeries(engine));
  } finally {
    await engine.close();
  }
}

/** In a strict database the management data say what may be written; the process may lack what was never written to. */
async function defineSeries(
  { services }: RestoreRun,
  database: Database,
  { series: defined }: BackupManifest,
  stored: readonly SeriesDefinition[],
): Promise<void> {
  const definitions = new Map([...defined, ...stored].map((each) => [each.series, each]));
  await services.management.series.follow(database.id, [...definitions.keys()], async (name) => {
    const { series, tags, fields } = definitions.get(name)!;
    return { series, tags, fields };
  });
}

function resultOf(manifest: BackupManifest, { recovered }: DatabaseReport, rows: number): RestoreResult {
  const iso = (ms: number): string => new Date(ms).toISOString();
  return {
    rows,
    files: manifest.files.length,
    bytes: manifest.files.reduce((sum, { bytes }) => sum + bytes, 0),
    until: recovered?.untilMs == null ? null : iso(recovered.untilMs),
    journalRecords: recovered?.records ?? 0,
    recoveredUntil: iso(Math.max(Date.parse(manifest.begunAt), recovered?.lastArrivalMs ?? 0)),
  };
}

/** A database that was never whole is not kept: its name is free again. */
async function removeHalfMade({ task, params, services, signal }: RestoreRun): Promise<void> {
  const { databases, hosts, series, backups } = services.management;
  await backups.release({ databaseId: params.databaseId, id: params.backup }, task.id);
  const found = await taskDatabase(task, services.management);
  if (found?.status !== 'restoring' && found?.status !== 'failed') return;
  // Whoever read it before, and still believes that it is to be filled, changes it no more: nothing that is in use is removed.
  // While its host is away it can be deleted like any that has failed.
  const database = await databases.change(found, { status: 'failed' });
  const host = database.hostId === null ? undefined : await hosts.getHost(database.hostId);
  if (host) await services.agents.deleteDatabase(host.agent, database.id, signal);
  await series.removeAll(database.id);
  await removeObjects(services.objects, journalPrefix(database.id));
  await databases.remove(database);
}
