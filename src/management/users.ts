import { randomUUID } from 'node:crypto';
import { apiError } from '../base/errors.ts';
import { tables } from '../base/names.ts';
import { countItem, requireOpen } from './account-items.ts';
import { type Actor, auditPut, type Deed } from './audit.ts';
import type { RecordCache } from './cache.ts';
import type { Changes } from './commit.ts';
import { ConditionFailed, type Dynamo, type TransactionItem } from './dynamo.ts';
import { tombstone, versionedPut } from './entry.ts';
import type { Change } from './event.ts';
import { type Page, queryPage } from './page.ts';
import { userKey } from './record-kinds.ts';
import type { Role, User } from './records.ts';

export interface NewUser {
  readonly accountId: string;
  readonly name: string;
  readonly role: Role;
  /** That the account may have; without it, any number. */
  readonly maxUsers?: number | null;
}

interface UsersOptions {
  readonly dynamo: Dynamo;
  readonly cache: RecordCache<User>;
  readonly changes: Changes;
  readonly clock: () => number;
}

const idPrefix = 'u-';

export class Users {
  readonly #dynamo: Dynamo;
  readonly #cache: RecordCache<User>;
  readonly #changes: Changes;
  readonly #clock: () => number;

  constructor({ dynamo, cache, changes, clock }: UsersOptions) {
    this.#dynamo = dynamo;
    this.#cache = cache;
    this.#changes = changes;
    this.#clock = clock;
  }

  async createUser({ accountId, name, role, maxUsers = null }: NewUser, by: Actor): Promise<User> {
    const createdAt = new Date(this.#clock()).toISOString();
    const user: User = { accountId, id: `${idPrefix}${randomUUID()}`, name, role, version: 1, createdAt };
    try {
      await this.#changes.commit(
        [
          versionedPut(tables.users, user, 0),
          namePut(user),
          requireOpen(accountId),
          countItem(accountId, { users: 1, ...(role === 'owner' && { owners: 1 }) }, { of: 'users', max: maxUsers }),
          this.#auditPut(user, by, 'createUser', { role }),
        ],
        [userChange(user)],
      );
    } catch (error) {
      if (!(error instanceof ConditionFailed)) throw error;
      if (error.refused[1]) throw apiError('UserExists', { user: name });
      if (error.refused[2]) throw apiError('AccountClosed', { account: accountId, status: 'not active' });
      throw apiError('TooManyUsers', { limit: maxUsers ?? 0 }, { extra: { limit: 'users' } });
    }
    return user;
  }

  /** Each page in the order of their names. */
  async pageOfUsers(accountId: string, after = idPrefix): Promise<Page<User>> {
    const page = await queryPage(
      this.#dynamo,
      {
        table: tables.users,
        partition: ['accountId', accountId],
        sort: 'id',
        // The items that make names unique come before.
        after: after < idPrefix ? idPrefix : after,
        filter: 'attribute_not_exists(goneAtS)',
      },
      (item) => item as unknown as User,
    );
    return { ...page, records: page.records.toSorted(byName) };
  }

  /** Through the cache; at once when this process knows it. */
  findUser(accountId: string, id: string): User | null | Promise<User | null> {
    return this.#cache.find(userKey({ accountId, id }));
  }

  /** As DynamoDB has it now. */
  async getUser(accountId: string, id: string): Promise<User> {
    const user = id.startsWith(idPrefix) ? await this.#cache.refresh(userKey({ accountId, id })) : null;
    if (!user) throw apiError('UserNotFound', { user: id });
    return user;
  }

  async changeRole(accountId: string, id: string, role: Role, by: Actor): Promise<User> {
    const user = await this.getUser(accountId, id);
    if (user.role === role) return user;
    const changed: User = { ...user, role, version: user.version + 1 };
    await this.#commit(
      user,
      [versionedPut(tables.users, changed, user.version)],
      countOwners(user, role),
      [this.#auditPut(changed, by, 'changeUser', { role, before: user.role })],
      userChange(changed),
    );
    return changed;
  }

  /** Its tokens end with it: a request of a token whose user is gone is refused. */
  async removeUser(accountId: string, id: string, by: Actor): Promise<void> {
    const user = await this.getUser(accountId, id);
    const version = user.version + 1;
    await this.#commit(
      user,
      [versionedPut(tables.users, tombstone({ accountId, id }, version, this.#clock()), user.version)],
      countOwners(user, null),
      [
        { Delete: { TableName: tables.users, Key: { accountId, id: nameKey(user.name) } } },
        this.#auditPut(user, by, 'removeUser', { role: user.role }),
      ],
      { kind: 'user', key: userKey(user), version, record: null },
    );
  }

  /** Of an account that is closed: its last owner too. Their count goes with the account's. */
  async removeAll(accountId: string, by: Actor): Promise<void> {
    let after: string | undefined;
    do {
      const { records, next } = await this.pageOfUsers(accountId, after);
      for (const user of records) {
        const version = user.version + 1;
        const { id } = user;
        await this.#changes.commit(
          [
            versionedPut(tables.users, tombstone({ accountId, id }, version, this.#clock()), user.version),
            { Delete: { TableName: tables.users, Key: { accountId, id: nameKey(user.name) } } },
            this.#auditPut(user, by, 'removeUser', { role: user.role }),
          ],
          [{ kind: 'user', key: userKey(user), version, record: null }],
        );
      }
      after = next ?? undefined;
    } while (after !== undefined);
  }

  async #commit(
    user: User,
    puts: readonly TransactionItem[],
    counts: readonly TransactionItem[],
    others: readonly TransactionItem[],
    change: Change,
  ): Promise<void> {
    try {
      await this.#changes.commit([...puts, ...counts, ...others], [change]);
    } catch (error) {
      if (!(error instanceof ConditionFailed)) throw error;
      if (!error.refused[0] && counts.length > 0) throw apiError('LastOwner', { user: user.name }, { cause: error });
      throw apiError('Conflict', { what: `User ${user.name}` }, { cause: error });
    }
  }

  #auditPut({ accountId, id, name }: User, by: Actor, action: string, details: object): TransactionItem {
    const deed: Deed = { accountId, by, action, subject: { kind: 'user', id, name }, details };
    return auditPut(deed, this.#clock());
  }
}

function byName(a: User, b: User): number {
  return a.name < b.name ? -1 : 1;
}

/** What another role does to the number of owners, which must not become 0 by it; null: the user goes. */
function countOwners({ accountId, role: before }: User, role: Role | null): TransactionItem[] {
  const users = role === null ? { users: -1 } : {};
  if (before === 'owner') return [countItem(accountId, { ...users, owners: -1 }, { of: 'owners', min: 1 })];
  if (role === 'owner') return [countItem(accountId, { owners: 1 })];
  return role === null ? [countItem(accountId, users)] : [];
}

function namePut({ accountId, name, id }: User): TransactionItem {
  return {
    Put: {
      TableName: tables.users,
      Item: { accountId, id: nameKey(name), userId: id },
      ConditionExpression: 'attribute_not_exists(id)',
    },
  };
}

/** The item that makes a name unique in its account. */
function nameKey(name: string): string {
  return `name#${name}`;
}

function userChange(user: User): Change {
  return { kind: 'user', key: userKey(user), version: user.version, record: user };
}
