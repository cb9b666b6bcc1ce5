import { coversDatabase } from '../auth/token.ts';
import { apiError } from '../base/errors.ts';
import { backupIdOf, restoreTime } from '../management/backups.ts';
import { limitsOf } from '../management/plans.ts';
import type { Backup } from '../management/records.ts';
import { access, accountAccess, dataAccess } from './access.ts';
import { actorOf } from './actor.ts';
import { readBody } from './body.ts';
import { maxVolumes, requireRegion, shownDatabase } from './databases.ts';
import { requireName } from './names.ts';
import { cursor, nextCursor, pageAfter } from './page.ts';
import { replyJson } from './reply.ts';
import { readJson, readParameters, singleId } from './schema.ts';
import type { Context, Step } from './step.ts';
import { shownTask } from './tasks.ts';

const maxKeepDays = 3_660;

export const createBackup: Step[] = [
  ...dataAccess('manage'),
  readBody,
  readJson({
    type: 'object',
    additionalProperties: false,
    properties: {
      full: { type: 'boolean' },
      keepDays: { type: 'integer', minimum: 1, maximum: maxKeepDays },
    },
  }),
  async function createBackup(context: Context): Promise<void> {
    const { management, tasks, log } = context.services;
    const { full = false, keepDays = null } = context.json as { full?: boolean; keepDays?: number };
    const task = await management.tasks.createTask({
      kind: 'backup',
      subject: context.database!,
      params: { full, keepDays, reason: 'manual' },
      requestedBy: actorOf(context),
    });
    await tasks.announce(task, log);
    replyJson(context, 202, { task: shownTask(task), backup: { id: backupIdOf(task) } });
  },
];

/** Of the account, also those of databases that are gone; with a database in the path, of the one that has this name now. */
export const listBackups: Step[] = [
  ...access('read'),
  readParameters({ type: 'object', additionalProperties: false, properties: { cursor } }),
  async function listBackups(context: Context): Promise<void> {
    const { records, next } = await context.services.management.backups.listAccountBackups(
      context.token!.accountId,
      pageAfter(context),
    );
    const covered = records.filter(({ databaseName }) => coversDatabase(context.token!, databaseName));
    replyJson(context, 200, { backups: covered.map(shownBackup), next: nextCursor({ next }) });
  },
];

export const listDatabaseBackups: Step[] = [
  ...dataAccess('read'),
  async function listDatabaseBackups(context: Context): Promise<void> {
    const backups = await context.services.management.backups.listBackups(context.database!.id);
    replyJson(context, 200, { backups: backups.map(shownBackup) });
  },
];

export const getBackup: Step[] = [
  ...access('read'),
  async function getBackup(context: Context): Promise<void> {
    replyJson(context, 200, { backup: shownBackup(await findBackup(context, context.params['backup']!)) });
  },
];

export const deleteBackup: Step[] = [
  ...access('manage'),
  async function deleteBackup(context: Context): Promise<void> {
    const { management, tasks, log } = context.services;
    const by = actorOf(context);
    const backup = await findBackup(context, context.params['backup']!);
    await management.backups.requestDelete(backup, by);
    const { accountId, region, databaseName: name, databaseId: id } = backup;
    const task = await management.tasks.createTask({
      kind: 'expire-backups',
      subject: { accountId, region, name, id },
      params: {},
      requestedBy: by,
    });
    await tasks.announce(task, log);
    replyJson(context, 202, { task: shownTask(task) });
  },
];

interface NewRestore {
  readonly backup: string;
  readonly name: string;
  readonly region?: string;
  readonly volumes?: number;
  readonly until?: string;
}

/** Always into a new database. */
export const createRestore: Step[] = [
  ...accountAccess,
  readBody,
  readJson({
    type: 'object',
    required: ['backup', 'name'],
    additionalProperties: false,
    properties: {
      backup: singleId,
      name: { type: 'string', minLength: 1, maxLength: 255 },
      region: singleId,
      volumes: { type: 'integer', minimum: 1, maximum: maxVolumes },
      until: { type: 'string', maxLength: 64 },
    },
  }),
  async function createRestore(context: Context): Promise<void> {
    const { config, management, tasks, log } = context.services;
    const wanted = context.json as NewRestore;
    requireName(wanted.name);
    const backup = await findBackup(context, wanted.backup);
    if (backup.status !== 'complete') throw apiError('BackupBusy', { backup: backup.id, status: backup.status });
    const { region = config.region, volumes = backup.volumes } = wanted;
    requireRegion(context, region);
    const { database, task } = await management.databases.createDatabase(
      {
        accountId: context.account!.id,
        name: wanted.name,
        region,
        volumes,
        schema: backup.schema,
        maxDatabases: limitsOf(context.account!).databases,
        restore: {
          backup: backup.id,
          databaseId: backup.databaseId,
          region: backup.region,
          until: wanted.until === undefined ? null : restoreTime(wanted.until, backup, management.clock()),
        },
      },
      actorOf(context),
    );
    await tasks.announce(task, log);
    replyJson(context, 202, { database: shownDatabase(context, database), task: shownTask(task) });
  },
];

/** Another account's backup does not exist as far as the caller can tell. */
async function findBackup(context: Context, id: string): Promise<Backup> {
  const { accountId } = context.token!;
  const backup = await context.services.management.backups.findBackup(accountId, id);
  if (!backup || !coversDatabase(context.token!, backup.databaseName)) throw apiError('BackupNotFound', { backup: id });
  return backup;
}

function shownBackup(backup: Backup): object {
  const { id, databaseName: database, region, status, reason, full, bytes, uploadedBytes, rows, volumes } = backup;
  const { schema, taskId: task, createdAt, takenAt, completedAt, expiresAt } = backup;
  const shown = { id, database, region, status, reason, full, bytes, uploadedBytes, rows, volumes, schema, task };
  return { ...shown, createdAt, takenAt, completedAt, expiresAt };
}
