import { ApiError } from '../../src/base/errors.ts';
import type { Backup, Database } from '../../src/management/records.ts';
import { compareFigures, type FigureComparison } from '../backups/figure-comparison.ts';
import { readFigures } from '../backups/figure-objects.ts';
import { figuresOf } from '../backups/figures.ts';
import { loadManifest } from '../backups/stored-manifest.ts';
import { type Kind, Permanent, Postponed, type TaskRun } from './kind.ts';

const hourMs = 3_600_000;
const lookEveryMs = 2_000;

/** Nobody's: no limit counts what is restored for a drill, and no customer sees it. */
const drillAccountId = 'drill';

export interface DrillParams {
  /** Null or not given: the last one. */
  readonly backup?: string | null;
}

interface DrillCheckpoint {
  readonly backup: string;
  /** What was found; what remains is to remove the copy. */
  readonly comparison: FigureComparison | null;
}

export interface DrillResult extends FigureComparison {
  readonly backup: string;
  readonly backupOf: string;
}

type DrillRun = TaskRun<DrillParams, DrillCheckpoint>;

/**
 * Restores a backup aside and compares what the copy answers, per series and day, with what the source answered when the backup was made:
 * what was written or deleted since is no difference. The copy is restored and removed by the tasks that do so for customers.
 */
export const restoreDrill: Kind<DrillParams, DrillCheckpoint, DrillResult> = {
  lanes: 2,
  timeLimitMs: 24 * hourMs,
  maxAttempts: 8,
  params: {
    type: 'object',
    additionalProperties: false,
    properties: { backup: { type: 'string', nullable: true, maxLength: 64 } },
  },
  async run(run) {
    const { services } = run;
    const { clock } = services.management;
    const { backup, comparison: found } = run.checkpoint ?? (await startRestore(run));
    const { createdAt } = await backupOf(run, backup);
    const copy = await copyOf(run);
    const comparison = found ?? (await compareWhenRestored(run, backup, copy));
    if (!found) await run.saveCheckpoint({ backup, comparison });
    if (copy) {
      await removeCopy(run, copy);
      throw new Postponed(clock() + lookEveryMs, 'waits until the restored copy is removed');
    }
    const result = { backup, backupOf: createdAt, ...comparison };
    if (comparison.different > 0)
      throw new Permanent(
        `the restored copy of backup ${backup} differs from its source in ${comparison.different} of ${comparison.days} series and days: ${JSON.stringify(comparison.differences)}`,
      );
    return result;
  },
  giveUp: abandon,
  cancel: abandon,
};

function copyName({ task }: DrillRun): string {
  return `drill-${task.id}`.slice(0, 255);
}

function restoreTaskId({ task }: DrillRun): string {
  return `restore-for-${task.id}`;
}

function copyOf(run: DrillRun): Promise<Database | undefined> {
  return run.services.management.databases.getDatabase(drillAccountId, copyName(run), { fresh: true });
}

async function backupOf({ task, services }: DrillRun, id: string): Promise<Backup> {
  const backup = await services.management.backups.getBackup(task.databaseId ?? '', id);
  if (backup?.status !== 'complete') throw new Permanent(`there is no backup ${id} that can be restored`);
  return backup;
}

/** Once, however often it is begun: there is one copy of the task's name. */
async function startRestore(run: DrillRun): Promise<DrillCheckpoint> {
  const { task, params, services } = run;
  const { backups, databases } = services.management;
  if (task.databaseId === null) throw new Permanent('no database is named');
  const chosen = params.backup ?? (await backups.lastComplete(task.databaseId))?.id;
  if (chosen === undefined) throw new Permanent('the database has no backup');
  const backup = await backupOf(run, chosen);
  const made = databases.createDatabase(
    {
      accountId: drillAccountId,
      name: copyName(run),
      region: task.region,
      volumes: backup.volumes,
      schema: backup.schema,
      restore: {
        backup: backup.id,
        databaseId: backup.databaseId,
        region: backup.region,
        until: null,
        taskId: restoreTaskId(run),
      },
    },
    task.requestedBy,
  );
  try {
    await services.announce((await made).task);
  } catch (error) {
    // An earlier attempt came this far.
    if (!(error instanceof ApiError && error.code === 'DatabaseExists')) throw error;
  }
  const checkpoint = { backup: backup.id, comparison: null };
  await run.saveCheckpoint(checkpoint);
  return checkpoint;
}

async function compareWhenRestored(
  run: DrillRun,
  backup: string,
  copy: Database | undefined,
): Promise<FigureComparison> {
  const { services, signal, log } = run;
  const { tasks, clock } = services.management;
  const restoring = await tasks.getTask(restoreTaskId(run));
  if (restoring?.state === 'queued' || restoring?.state === 'running')
    throw new Postponed(clock() + lookEveryMs, `waits until the copy is restored (task ${restoring.id})`);
  if (copy?.status !== 'active')
    throw new Permanent(`the backup ${backup} could not be restored: ${restoring?.error ?? 'its task is gone'}`);
  const { figures } = await loadManifest(services.objects, await backupOf(run, backup));
  const engine = await services.connect(copy);
  try {
    const comparison = await compareFigures(
      readFigures(services.objects, figures.before, signal),
      readFigures(services.objects, figures.after, signal),
      figuresOf(engine, signal),
    );
    const { days, changing, different } = comparison;
    log.info('a backup was compared with its source', { backup, days, changing, different });
    return comparison;
  } finally {
    await engine.close();
  }
}

async function removeCopy({ task, services }: DrillRun, { accountId, name, status }: Database): Promise<void> {
  if (status !== 'active' && status !== 'failed') return;
  const removal = await services.management.databases.requestDelete(accountId, name, task.requestedBy);
  await services.announce(removal.task);
}

/** A restore that is cancelled removes its copy itself. */
async function abandon(run: DrillRun): Promise<void> {
  const { task, services } = run;
  const { tasks } = services.management;
  const restoring = await tasks.getTask(restoreTaskId(run));
  if (restoring?.state === 'queued' || restoring?.state === 'running')
    await services.announce(await tasks.cancel(restoring.id, task.requestedBy));
  const copy = await copyOf(run);
  if (copy) await removeCopy(run, copy);
}
