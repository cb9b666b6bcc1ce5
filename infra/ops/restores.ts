import { apiError } from '../../src/base/errors.ts';
import { restoreTime } from '../../src/management/backups.ts';
import { limitsOf } from '../../src/management/plans.ts';
import { requireName } from './accounts.ts';
import { findBackup } from './backups.ts';
import type { Commands } from './command.ts';
import { accountOption } from './databases.ts';
import { wholeNumber } from './options.ts';
import { type AccountOption, findAccount, findDatabase } from './subjects.ts';
import { type FollowOption, madeTask, wishAndFollow, withFollow } from './wish.ts';

const maxVolumes = 16;

interface RestoreOptions extends AccountOption, FollowOption {
  readonly as: string;
  readonly volumes?: number;
  readonly until?: string;
}

export function restoreCommands(commands: Commands): void {
  const restore = commands.group('restore', 'a backup into a new database; a drill');

  commands.add<RestoreOptions>(restore, {
    name: 'run <backup>',
    does: 'fills a new database of the account, in the region, from a backup; every checksum is compared before it goes live',
    example: 'restore run b-20260101t000000-… --account acme --as plant-restored --until 2026-01-01T06:30:00Z --follow',
    options: (command) =>
      withFollow(
        command
          .option(...accountOption)
          .requiredOption('--as <name>', 'of the new database')
          .option('--volumes <n>', 'as the backup has it when not given', wholeNumber(1, maxVolumes))
          .option('--until <time>', 'ISO 8601: applies the shipped journal up to then'),
      ),
    work: async (session, [id], options) => {
      const { as: name, until } = options;
      requireName(name);
      const account = await findAccount(session, options.account);
      const backup = await findBackup(session, id!, options);
      if (backup.status !== 'complete') throw apiError('BackupBusy', { backup: backup.id, status: backup.status });
      const { databases, clock } = session.management;
      const { task } = await databases.createDatabase(
        {
          ...{ accountId: account.id, name, region: session.region, schema: backup.schema },
          volumes: options.volumes ?? backup.volumes,
          maxDatabases: limitsOf(account).databases,
          restore: {
            ...{ backup: backup.id, databaseId: backup.databaseId, region: backup.region },
            until: until === undefined ? null : restoreTime(until, backup, clock()),
          },
        },
        session.actor,
      );
      await session.announce(task);
      return madeTask(session, task, options);
    },
  });

  commands.add<AccountOption & FollowOption & { backup?: string }>(restore, {
    name: 'drill <database>',
    does: 'restores the last backup aside, compares counts and checksums per day and series, and removes it again',
    example: 'restore drill plant --account acme --follow',
    options: (command) =>
      withFollow(command.option(...accountOption).option('--backup <backup>', 'the last one when not given')),
    work: async (session, [wanted], options) => {
      const database = await findDatabase(session, wanted!, options);
      const params = options.backup === undefined ? {} : { backup: options.backup };
      return wishAndFollow(session, 'restore-drill', database, params, options);
    },
  });
}
