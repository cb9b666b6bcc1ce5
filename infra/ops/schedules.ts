import { apiError } from '../../src/base/errors.ts';
import type { DatabaseSettings } from '../../src/management/databases.ts';
import type { Commands } from './command.ts';
import { accountOption } from './databases.ts';
import { age } from './figures.ts';
import { wholeNumber } from './options.ts';
import { listReport, recordReport } from './report.ts';
import { type AccountOption, findDatabase, shownDatabase } from './subjects.ts';

const maxSchedules = 1_000;
/** All the time that there is. */
const maxRetentionDays = 203_000;
const never = 'never';

interface Settings extends AccountOption {
  readonly backup?: string;
  readonly retention?: string;
  readonly retentionDays?: number | null;
}

export function scheduleCommands(commands: Commands): void {
  const schedules = commands.group('schedules', 'what is done to databases again and again: list, set');

  commands.add(schedules, {
    name: 'list',
    does: 'the schedules of the region, what is due first stands first',
    example: 'schedules list',
    work: async (session) =>
      listReport(await session.management.schedules.all(maxSchedules), {
        account: ({ accountId }) => accountId,
        database: ({ databaseName }) => databaseName,
        schedule: ({ name }) => name,
        cron: ({ cron }) => cron,
        due: ({ dueAt }) => age(dueAt, Date.now()),
        'last task': ({ taskId }) => taskId,
      }),
  });

  commands.add<Settings>(schedules, {
    name: 'set <database>',
    does: 'when a database is backed up and cleared of old points: five fields of cron, in UTC',
    example: "schedules set plant --account acme --backup '30 2 * * *' --retention-days 400",
    options: (command) =>
      command
        .option(...accountOption)
        .option('--backup <cron>', `or ${never}`)
        .option('--retention <cron>', `or ${never}: daily, while there are days`)
        .option('--retention-days <n>', `points older than this are removed, or ${never}`, (text) =>
          text === never ? null : wholeNumber(1, maxRetentionDays)(text),
        ),
    work: async (session, [wanted], options) => {
      const { backup, retention, retentionDays } = options;
      if ([backup, retention, retentionDays].every((each) => each === undefined))
        throw apiError('InvalidRequest', { reason: 'say what to set: --backup, --retention, --retention-days' });
      const { accountId, name } = await findDatabase(session, wanted!, options);
      const settings: DatabaseSettings = {
        schedules: {
          ...(backup !== undefined && { backup: cronOf(backup) }),
          ...(retention !== undefined && { retention: cronOf(retention) }),
        },
        ...(retentionDays !== undefined && { retentionDays }),
      };
      const { databases } = session.management;
      return recordReport(shownDatabase(await databases.changeSettings(accountId, name, settings, session.actor)));
    },
  });
}

function cronOf(text: string): string | null {
  return text === never ? null : text;
}
