import { Option } from 'commander';
import { apiError } from '../../src/base/errors.ts';
import type { SchemaMode } from '../../src/kdb/engine.ts';
import { limitsOf } from '../../src/management/plans.ts';
import type { Database } from '../../src/management/records.ts';
import { requireConfirmed, requireName } from './accounts.ts';
import type { Commands } from './command.ts';
import { age } from './figures.ts';
import { wholeNumber } from './options.ts';
import { type Cell, listReport, recordReport } from './report.ts';
import type { Session } from './session.ts';
import { type AccountOption, everyAccount, findAccount, findDatabase, shownDatabase } from './subjects.ts';
import { type FollowOption, madeTask, wishAndFollow, withFollow } from './wish.ts';

const maxVolumes = 16;
const defaultVolumes = 2;

export const databaseColumns: Readonly<Record<string, (database: Database) => Cell>> = {
  id: ({ id }) => id,
  account: ({ accountId }) => accountId,
  name: ({ name }) => name,
  status: ({ status, move }) => (move ? 'moving' : status),
  region: ({ region }) => region,
  host: ({ hostId }) => hostId,
  volumes: ({ volumes }) => volumes,
  schema: ({ schema }) => schema,
  age: ({ createdAt }) => age(createdAt, Date.now()),
};

export const accountOption = ['--account <account>', "id or name; the operator's own when not given"] as const;

interface NewDatabase extends AccountOption, FollowOption {
  readonly volumes?: number;
  readonly schema?: SchemaMode;
}

export function databaseCommands(commands: Commands): void {
  const databases = commands.group('databases', 'list, show, create, delete, move');

  commands.add<AccountOption>(databases, {
    name: 'list',
    does: 'the databases of an account, or of all, in every region',
    example: 'databases list --account acme',
    options: (command) => command.option('--account <account>', 'id or name; every account when not given'),
    work: async (session, _args, { account }) => {
      const all = (await Array.fromAsync(pages(session, account))).flat();
      return { ...listReport(all, databaseColumns), json: { rows: all.map(shownDatabase) } };
    },
  });

  commands.add<AccountOption>(databases, {
    name: 'show <database>',
    does: 'a database, by its id or by its name in an account',
    example: 'databases show plant --account acme',
    options: (command) => command.option(...accountOption),
    work: async (session, [wanted], options) =>
      recordReport(shownDatabase(await findDatabase(session, wanted!, options))),
  });

  commands.add<NewDatabase>(databases, {
    name: 'create <name>',
    does: 'a new database in the region, and the task that provisions it',
    example: 'databases create plant --account acme --volumes 4 --follow',
    options: (command) =>
      withFollow(
        command
          .option(...accountOption)
          .option('--volumes <n>', `that it is striped over (${defaultVolumes})`, wholeNumber(1, maxVolumes))
          .addOption(new Option('--schema <mode>', 'flexible when not given').choices(['flexible', 'strict'])),
      ),
    work: async (session, [name], options) => {
      const { volumes = defaultVolumes, schema = 'flexible' } = options;
      requireName(name!);
      const account = await findAccount(session, options.account);
      const { task } = await session.management.databases.createDatabase(
        {
          ...{ accountId: account.id, name: name!, region: session.region, volumes, schema },
          maxDatabases: limitsOf(account).databases,
        },
        session.actor,
      );
      await session.announce(task);
      return madeTask(session, task, options);
    },
  });

  commands.add<AccountOption & FollowOption & { confirm: string }>(databases, {
    name: 'delete <database>',
    does: 'removes a database; a last backup of it is kept as the service does for its customers',
    example: 'databases delete plant --account acme --confirm plant --follow',
    options: (command) =>
      withFollow(command.option(...accountOption).requiredOption('--confirm <name>', "the database's name again")),
    work: async (session, [wanted], options) => {
      const { accountId, name } = await findDatabase(session, wanted!, options);
      requireConfirmed(name, options.confirm);
      const { task } = await session.management.databases.requestDelete(accountId, name, session.actor, {
        finalBackup: true,
      });
      await session.announce(task);
      return madeTask(session, task, options);
    },
  });

  commands.add<AccountOption & FollowOption & { host?: string; volumes?: number }>(databases, {
    name: 'move <database>',
    does: 'to another host, or to another number of volumes; it takes no writes for up to a minute',
    example: 'databases move plant --account acme --host eu-west-1-2 --follow',
    options: (command) =>
      withFollow(
        command
          .option(...accountOption)
          .option('--host <host>', 'the one with most room when not given')
          .option('--volumes <n>', 'as it has when not given', wholeNumber(1, maxVolumes)),
      ),
    work: async (session, [wanted], options) => {
      const { host, volumes } = options;
      if (host !== undefined && !(await session.management.hosts.getHost(host)))
        throw apiError('HostNotFound', { host });
      const params = { ...(host !== undefined && { host }), ...(volumes !== undefined && { volumes }) };
      return wishAndFollow(session, 'move', await findDatabase(session, wanted!, options), params, options);
    },
  });
}

async function* pages(session: Session, wanted: string | undefined): AsyncGenerator<readonly Database[]> {
  const accounts = wanted === undefined ? everyAccount(session) : [await findAccount(session, wanted)];
  for await (const { id } of accounts) yield session.management.databases.listDatabases(id);
}
