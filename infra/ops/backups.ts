import { createHash } from 'node:crypto';
import { text } from 'node:stream/consumers';
import { apiError } from '../../src/base/errors.ts';
import { ObjectNotFound } from '../../src/base/object-store.ts';
import { type BackupManifest, manifestKey, readManifestText } from '../../src/management/backup-manifest.ts';
import type { Backup } from '../../src/management/records.ts';
import type { Commands } from './command.ts';
import { accountOption } from './databases.ts';
import { age, amount } from './figures.ts';
import { wholeNumber } from './options.ts';
import { progressText } from './progress-bar.ts';
import { listReport, type Report, recordReport } from './report.ts';
import type { Session } from './session.ts';
import { type AccountOption, findAccount, findDatabase } from './subjects.ts';
import { type FollowOption, madeTask, wishAndFollow, withFollow } from './wish.ts';

const maxKeepDays = 3_660;

export function backupCommands(commands: Commands): void {
  const backups = commands.group('backup', 'create, list, show, verify, delete');

  commands.add<AccountOption & FollowOption & { full?: boolean; keepDays?: number }>(backups, {
    name: 'create <database>',
    does: 'a backup while the database is written to; what the last one has is not uploaded again',
    example: 'backup create plant --account acme --keep-days 30 --follow',
    options: (command) =>
      withFollow(
        command
          .option(...accountOption)
          .option('--full', 'everything is uploaded anew')
          .option('--keep-days <n>', 'until it is deleted when not given', wholeNumber(1, maxKeepDays)),
      ),
    work: async (session, [wanted], options) => {
      const { full = false, keepDays = null } = options;
      const database = await findDatabase(session, wanted!, options);
      return wishAndFollow(session, 'backup', database, { reason: 'manual', full, keepDays }, options);
    },
  });

  commands.add<AccountOption>(backups, {
    name: 'list [database]',
    does: 'the backups of an account, also of databases that are gone, or of one database; the oldest first',
    example: 'backup list plant --account acme',
    options: (command) => command.option(...accountOption),
    work: async (session, [wanted], options) => {
      const all = await listed(session, wanted, options);
      return listReport(all, {
        id: ({ id }) => id,
        database: ({ databaseName }) => databaseName,
        status: ({ status }) => status,
        reason: ({ reason }) => reason,
        full: ({ full }) => (full ? 'full' : 'incremental'),
        rows: ({ rows }) => amount(rows),
        bytes: ({ bytes }) => amount(bytes),
        uploaded: ({ uploadedBytes }) => amount(uploadedBytes),
        age: ({ createdAt }) => age(createdAt, Date.now()),
        expires: ({ expiresAt }) => expiresAt,
      });
    },
  });

  commands.add<AccountOption>(backups, {
    name: 'show <backup>',
    does: 'a backup, by its id',
    example: 'backup show b-20260101t000000-… --account acme',
    options: (command) => command.option(...accountOption),
    work: async (session, [id], options) => recordReport(await findBackup(session, id!, options)),
  });

  commands.add<AccountOption>(backups, {
    name: 'verify <backup>',
    does: 'reads every file back and compares its SHA-256; exit code 1 when one is damaged. A drill restores it too',
    example: 'backup verify b-20260101t000000-… --account acme',
    options: (command) => command.option(...accountOption),
    work: async (session, [id], options) => verify(session, await findBackup(session, id!, options)),
  });

  commands.add<AccountOption & FollowOption>(backups, {
    name: 'delete <backup>',
    does: 'ends a backup; what only it named is removed by a task',
    example: 'backup delete b-20260101t000000-… --account acme',
    options: (command) => withFollow(command.option(...accountOption)),
    work: async (session, [id], options) => {
      const backup = await findBackup(session, id!, options);
      const { accountId, region, databaseName: name, databaseId } = backup;
      const { backups: stored, tasks } = session.management;
      await stored.requestDelete(backup, session.actor);
      // The database may be gone: this is no wish.
      const task = await tasks.createTask({
        kind: 'expire-backups',
        subject: { accountId, region, name, id: databaseId },
        requestedBy: session.actor,
      });
      await session.announce(task);
      return madeTask(session, task, options);
    },
  });
}

export async function findBackup(session: Session, id: string, { account }: AccountOption): Promise<Backup> {
  const backup = await session.management.backups.findBackup((await findAccount(session, account)).id, id);
  if (!backup) throw apiError('BackupNotFound', { backup: id });
  return backup;
}

async function listed(session: Session, wanted: string | undefined, options: AccountOption): Promise<Backup[]> {
  const { backups } = session.management;
  if (wanted !== undefined) return backups.listBackups((await findDatabase(session, wanted, options)).id);
  const { id } = await findAccount(session, options.account);
  const all: Backup[] = [];
  let after: string | undefined;
  do {
    const { records, next } = await backups.listAccountBackups(id, after);
    all.push(...records);
    after = next ?? undefined;
  } while (after !== undefined);
  return all;
}

async function verify(session: Session, backup: Backup): Promise<Report> {
  if (backup.status !== 'complete') throw apiError('BackupBusy', { backup: backup.id, status: backup.status });
  if (backup.region !== session.region)
    throw apiError('InvalidRequest', { reason: `the backup is in ${backup.region}: --region ${backup.region}` });
  const key = manifestKey(backup.databaseId, backup.id);
  const manifest = readManifestText(key, await text(await session.objects.get(key)));
  const damaged: { object: string; fault: string }[] = [];
  let done = 0;
  for (const { object, sha256, bytes } of objectsIn(manifest)) {
    const fault = await faultOf(session, object, sha256);
    if (fault !== null) damaged.push({ object, fault });
    done += bytes;
    if (process.stderr.isTTY)
      process.stderr.write(
        `\r\x1b[K${progressText({ done, total: backup.bytes, unit: 'B', ratePerS: null, etaS: null }, 24)}`,
      );
  }
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
  const files = manifest.files.length;
  return recordReport(
    { backup: backup.id, files, bytes: done, rows: manifest.rows, damaged },
    damaged.length > 0 ? 1 : 0,
  );
}

function objectsIn({ files, figures }: BackupManifest): { object: string; sha256: string; bytes: number }[] {
  return [...files, { ...figures.before, bytes: 0 }, { ...figures.after, bytes: 0 }];
}

async function faultOf({ objects, signal }: Session, object: string, sha256: string): Promise<string | null> {
  const hash = createHash('sha256');
  try {
    for await (const chunk of await objects.get(object)) {
      signal.throwIfAborted();
      hash.update(chunk as Uint8Array);
    }
  } catch (error) {
    if (error instanceof ObjectNotFound) return 'is missing';
    throw error;
  }
  return hash.digest('hex') === sha256 ? null : 'does not have the SHA-256 of the manifest';
}
