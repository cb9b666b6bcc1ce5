import { randomUUID } from 'node:crypto';
import { apiError } from '../base/errors.ts';
import { tables } from '../base/names.ts';
import type { RecordCache } from './cache.ts';
import type { Changes } from './commit.ts';
import { ConditionFailed, type Dynamo, readItem, type TransactionItem } from './dynamo.ts';
import { versionedPut } from './entry.ts';
import type { Change } from './event.ts';
import type { Account, Token } from './records.ts';
import type { Tokens } from './tokens.ts';

interface AccountsOptions {
  readonly dynamo: Dynamo;
  readonly cache: RecordCache<Account>;
  readonly changes: Changes;
  readonly tokens: Tokens;
  readonly clock: () => number;
}

export class Accounts {
  readonly #dynamo: Dynamo;
  readonly #cache: RecordCache<Account>;
  readonly #changes: Changes;
  readonly #tokens: Tokens;
  readonly #clock: () => number;

  constructor({ dynamo, cache, changes, tokens, clock }: AccountsOptions) {
    this.#dynamo = dynamo;
    this.#cache = cache;
    this.#changes = changes;
    this.#tokens = tokens;
    this.#clock = clock;
  }

  /** With a first token that may do everything in the account; its secret is shown here and never again. */
  async createAccount(name: string): Promise<{ account: Account; token: Token; secret: string }> {
    const account = { id: randomUUID(), name, version: 1, createdAt: new Date(this.#clock()).toISOString() };
    const first = this.#tokens.draftToken({
      accountId: account.id,
      name: 'first',
      scopes: ['read', 'write', 'manage'],
    });
    try {
      await this.#changes.commit([...accountPuts(account), first.put], [accountChange(account), first.change]);
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
    return (await this.#cache.refresh(id)) ?? undefined;
  }

  async findByName(name: string): Promise<Account | undefined> {
    const item = await readItem(this.#dynamo, tables.accounts, { id: nameKey(name) });
    return item && this.getAccount(item['accountId'] as string);
  }
}

/** The account, and the item that makes its name unique. */
export function accountPuts(account: Account): TransactionItem[] {
  return [
    versionedPut(tables.accounts, account, 0),
    {
      Put: {
        TableName: tables.accounts,
        Item: { id: nameKey(account.name), accountId: account.id },
        ConditionExpression: 'attribute_not_exists(id)',
      },
    },
  ];
}

export function accountChange(account: Account): Change {
  return { kind: 'account', key: account.id, version: account.version, record: account };
}

function nameKey(name: string): string {
  return `name#${name}`;
}
