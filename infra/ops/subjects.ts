// What a command names: an account by its id or its name, a database by its id or its name in an account.

import { apiError } from '../../src/base/errors.ts';
import type { Account, Database } from '../../src/management/records.ts';
import { localAccount } from '../../src/management/tokens.ts';
import type { Session } from './session.ts';

const databaseId = /^db-[0-9a-f]{20}$/;
const pageSize = 100;

export interface AccountOption {
  /** The operator's own, when it is not given. */
  readonly account?: string;
}

export async function findAccount({ management }: Session, wanted = localAccount): Promise<Account> {
  const { accounts } = management;
  const account = (await accounts.getAccount(wanted)) ?? (await accounts.findByName(wanted));
  if (!account) throw apiError('AccountNotFound', { account: wanted });
  return account;
}

export async function findDatabase(session: Session, wanted: string, { account }: AccountOption): Promise<Database> {
  const { databases } = session.management;
  const found = databaseId.test(wanted)
    ? await databases.getDatabaseById(wanted)
    : await databases.getDatabase((await findAccount(session, account)).id, wanted, { fresh: true });
  if (!found) throw apiError('DatabaseNotFound', { database: wanted });
  return found;
}

/** Of every status, page by page. */
export async function* everyAccount({ management }: Session): AsyncGenerator<Account> {
  let after: Account | undefined;
  for (;;) {
    const page = await management.accounts.listAccounts({ limit: pageSize, after });
    yield* page;
    if (page.length < pageSize) return;
    after = page.at(-1);
  }
}

/** What may be shown of it: the process's password stays inside. */
export function shownDatabase({ user: _user, password: _password, ...database }: Database): object {
  return database;
}
