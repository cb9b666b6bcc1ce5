import { randomUUID } from 'node:crypto';
import { apiError } from '../base/errors.ts';
import { indexes, tables } from '../base/names.ts';
import { countItem, countKey } from './account-items.ts';
import { type Actor, auditPut, theService } from './audit.ts';
import type { RecordCache } from './cache.ts';
import type { Changes } from './commit.ts';
import { ConditionFailed, type Dynamo, queryItems, readItem, type TransactionItem } from './dynamo.ts';
import { versionedPut } from './entry.ts';
import type { Change } from './event.ts';
import { defaultPlan, type Limits, limitsOf, type PlanName } from './plans.ts';
import { type Account, type AccountStatus, accountStatuses, type Task, type Token } from './records.ts';
import { newTask, taskPut } from './task-item.ts';
import type { Tokens } from './tokens.ts';

export interface AccountChange {
  readonly plan?: PlanName;
  /** All of the account's own; the plan's hold for the rest. */
  readonly limits?: Partial<Limits>;
  readonly status?: 'active' | 'suspended';
}

/** Where a page of accounts ends. */
export type AccountPlace = Pick<Account, 'status' | 'name'>;

interface AccountsOptions {
  readonly dynamo: Dynamo;
  readonly cache: RecordCache<Account>;
  readonly changes: Changes;
  readonly tokens: Tokens;
  /** Of this process: tasks of an account are its workers'. */
  readonly region: string;
  readonly clock: () => number;
}

export class Accounts {
  readonly #dynamo: Dynamo;
  readonly #cache: RecordCache<Account>;
  readonly #changes: Changes;
  readonly #tokens: Tokens;
  readonly #region: string;
  readonly #clock: () => number;

  constructor({ dynamo, cache, changes, tokens, region, clock }: AccountsOptions) {
    this.#dynamo = dynamo;
    this.#cache = cache;
    this.#changes = changes;
    this.#tokens = tokens;
    this.#region = region;
    this.#clock = clock;
  }

  /** With a first token that may do everything in the account; its secret is shown here and never again. */
  async createAccount(
    name: string,
    by: Actor,
    { plan = defaultPlan, limits = {} }: Pick<AccountChange, 'plan' | 'limits'> = {},
  ): Promise<{ account: Account; token: Token; secret: string }> {
    const createdAt = new Date(this.#clock()).toISOString();
    const account = newAccount({ id: randomUUID(), name, plan, limits, createdAt });
    const first = this.#tokens.draftToken(
      { accountId: account.id, name: 'first', scopes: ['read', 'write', 'manage'] },
      by,
    );
    try {
      await this.#changes.commit(
        [...accountPuts(account, by, this.#clock()), ...first.items, countItem(account.id, { tokens: 1 })],
        [accountChange(account), first.change],
      );
    } catch (error) {
      if (error instanceof ConditionFailed) throw apiError('AccountExists', { account: name });
      throw error;
    }
    return { account, token: first.token, secret: first.secret };
  }

  /** Through the cache; at once when this process knows it. */
  findAccount(id: string): Account | null | Promise<Account | null> {
    return this.#cache.find(id);
  }

  /** As DynamoDB has it now. */
  async getAccount(id: string): Promise<Account | undefined> {
    return isAccountId(id) ? ((await this.#cache.refresh(id)) ?? undefined) : undefined;
  }

  async findByName(name: string): Promise<Account | undefined> {
    const item = await readItem(this.#dynamo, tables.accounts, { id: nameKey(name) });
    return item && this.getAccount(item['accountId'] as string);
  }

  /** By status, then name. */
  async listAccounts({ limit, after }: { limit: number; after: AccountPlace | undefined }): Promise<Account[]> {
    const accounts: Account[] = [];
    const first = after === undefined ? 0 : accountStatuses.indexOf(after.status);
    for (const status of accountStatuses.slice(first)) {
      if (accounts.length >= limit) break;
      const missing = limit - accounts.length;
      const afterName = after?.status === status ? after.name : undefined;
      accounts.push(...((await this.#listByStatus(status, afterName, missing)) as unknown as Account[]));
    }
    return accounts;
  }

  #listByStatus(status: AccountStatus, afterName: string | undefined, limit: number): Promise<object[]> {
    return queryItems(
      this.#dynamo,
      {
        TableName: tables.accounts,
        IndexName: indexes.accountsByStatus,
        KeyConditionExpression: `#status = :status${afterName === undefined ? '' : ' AND #name > :name'}`,
        ExpressionAttributeNames: { '#status': 'status', ...(afterName !== undefined && { '#name': 'name' }) },
        ExpressionAttributeValues: { ':status': status, ...(afterName !== undefined && { ':name': afterName }) },
        Limit: limit,
      },
      limit,
    );
  }

  /** A status opens an account again that is closing. */
  async changeAccount(id: string, change: AccountChange, by: Actor): Promise<Account> {
    const account = await this.#existing(id);
    if (account.status === 'closed') throw closed(account);
    const changed: Account = {
      ...account,
      ...change,
      ...(change.status !== undefined && { closesAt: null, closeTaskId: null }),
      version: account.version + 1,
    };
    const limit = limitsOf(changed).storageBytes;
    const over = account.overStorageBytes;
    const stillOver = over !== null && limit !== null && over >= limit ? over : null;
    return this.#change(account, { ...changed, overStorageBytes: stillOver }, by, 'changeAccount', { ...change });
  }

  /**
   * Its tokens are good for nothing from now on. When the grace period is over, the task removes what the account has; until then
   * it can be opened again. Asking again, for another period, replaces the task. Its id is still to be sent to the queue when it is due.
   */
  async requestClose(id: string, graceMs: number, by: Actor): Promise<{ account: Account; task: Task }> {
    const account = await this.#existing(id);
    // Everything is removed, and its name may be another's.
    if (account.status === 'closed' && account.closeTaskId === null) throw closed(account);
    const task = newTask(
      { kind: 'close-account', subject: { accountId: id, region: this.#region }, requestedBy: by },
      this.#clock(),
    );
    const closesAt = new Date(this.#clock() + graceMs).toISOString();
    const status = account.status === 'closed' ? 'closed' : 'closing';
    const closing: Account = { ...account, status, closesAt, closeTaskId: task.id, version: account.version + 1 };
    const items = [taskPut(task, graceMs)];
    return { account: await this.#change(account, closing, by, 'closeAccount', { closesAt }, items), task };
  }

  /** The grace period is over: from here on it cannot be opened again. */
  markClosed(account: Account): Promise<Account> {
    const marked: Account = { ...account, status: 'closed', version: account.version + 1 };
    return this.#change(account, marked, theService, 'close-account', { removal: 'begins' });
  }

  /** Everything is removed. Its name becomes free; the record, the usage and the audit stay. */
  async finishClose(account: Account): Promise<Account> {
    const finished: Account = { ...account, overStorageBytes: null, closeTaskId: null, version: account.version + 1 };
    return this.#change(account, finished, theService, 'close-account', { removal: 'done' }, [
      { Delete: { TableName: tables.accounts, Key: { id: nameKey(account.name) } } },
      { Delete: { TableName: tables.accounts, Key: countKey(account.id) } },
    ]);
  }

  /** What it stores was measured: the record changes when it comes to lie over its limit, or under it again. */
  async judgeStorage(id: string, bytes: number): Promise<void> {
    const account = await this.#cache.find(id);
    if (!account) return;
    const limit = limitsOf(account).storageBytes;
    const isOver = limit !== null && bytes >= limit;
    if (isOver === (account.overStorageBytes !== null)) return;
    const judged: Account = { ...account, overStorageBytes: isOver ? bytes : null, version: account.version + 1 };
    await this.#change(account, judged, theService, isOver ? 'overStorage' : 'underStorage', { bytes, limit });
  }

  async #existing(id: string): Promise<Account> {
    const account = await this.getAccount(id);
    if (!account) throw apiError('AccountNotFound', { account: id });
    return account;
  }

  async #change(
    before: Account,
    changed: Account,
    by: Actor,
    action: string,
    details: object,
    items: readonly TransactionItem[] = [],
  ): Promise<Account> {
    const subject = { kind: 'account', id: before.id, name: before.name } as const;
    const audit = auditPut({ accountId: before.id, by, action, subject, details }, this.#clock());
    try {
      await this.#changes.commit(
        [versionedPut(tables.accounts, changed, before.version), audit, ...items],
        [accountChange(changed)],
      );
    } catch (error) {
      if (!(error instanceof ConditionFailed)) throw error;
      throw apiError('Conflict', { what: `Account ${before.name}` }, { cause: error });
    }
    return changed;
  }
}

export function newAccount(fields: Pick<Account, 'id' | 'name' | 'plan' | 'limits' | 'createdAt'>): Account {
  return { ...fields, status: 'active', overStorageBytes: null, closesAt: null, closeTaskId: null, version: 1 };
}

/** The account, the item that makes its name unique, and the audit. */
export function accountPuts(account: Account, by: Actor, nowMs: number): TransactionItem[] {
  const { id, name, plan, limits } = account;
  return [
    versionedPut(tables.accounts, account, 0),
    {
      Put: {
        TableName: tables.accounts,
        Item: { id: nameKey(name), accountId: id },
        ConditionExpression: 'attribute_not_exists(id)',
      },
    },
    auditPut(
      { accountId: id, by, action: 'createAccount', subject: { kind: 'account', id, name }, details: { plan, limits } },
      nowMs,
    ),
  ];
}

export function accountChange(account: Account): Change {
  return { kind: 'account', key: account.id, version: account.version, record: account };
}

function closed({ name, status }: Account): Error {
  return apiError('AccountClosed', { account: name, status });
}

function nameKey(name: string): string {
  return `name#${name}`;
}

/** The table holds other items too: names and counts, whose ids have a #. */
function isAccountId(id: string): boolean {
  return !id.includes('#');
}
