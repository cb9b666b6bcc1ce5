import { randomUUID } from 'node:crypto';
import { apiError } from '../base/errors.ts';
import { tables } from '../base/names.ts';
import { ConditionFailed, type Dynamo, readItem, type TransactionItem, transact } from './dynamo.ts';
import type { Account, Token } from './records.ts';
import type { Tokens } from './tokens.ts';

interface AccountsOptions {
  readonly dynamo: Dynamo;
  readonly tokens: Tokens;
  readonly clock: () => number;
}

export class Accounts {
  readonly #dynamo: Dynamo;
  readonly #tokens: Tokens;
  readonly #clock: () => number;

  constructor({ dynamo, tokens, clock }: AccountsOptions) {
    this.#dynamo = dynamo;
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
      await transact(this.#dynamo, [...accountPuts(account), first.put]);
    } catch (error) {
      if (error instanceof ConditionFailed) throw apiError('AccountExists', { account: name });
      throw error;
    }
    await this.#tokens.announce(first.token);
    return { account, token: first.token, secret: first.secret };
  }

  async getAccount(id: string): Promise<Account | undefined> {
    return (await readItem(this.#dynamo, tables.accounts, { id })) as Account | undefined;
  }

  async findByName(name: string): Promise<Account | undefined> {
    const item = await readItem(this.#dynamo, tables.accounts, { id: nameKey(name) });
    return item && this.getAccount(item['accountId'] as string);
  }
}

/** The account, and the item that makes its name unique. */
export function accountPuts(account: Account): TransactionItem[] {
  return [account, { id: nameKey(account.name), accountId: account.id }].map((item) => ({
    Put: { TableName: tables.accounts, Item: item, ConditionExpression: 'attribute_not_exists(id)' },
  }));
}

function nameKey(name: string): string {
  return `name#${name}`;
}
