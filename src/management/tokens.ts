import { hash as digest, randomBytes, randomUUID } from 'node:crypto';
import { apiError } from '../base/errors.ts';
import { indexes, tables } from '../base/names.ts';
import { accountPuts } from './accounts.ts';
import type { RecordCache } from './cache.ts';
import {
  ConditionFailed,
  type Dynamo,
  putItem,
  queryItems,
  readItem,
  type TransactionItem,
  transact,
} from './dynamo.ts';
import { type Scope, scopes, type Token } from './records.ts';
import type { Entry } from './redis-tier.ts';
import { entryOf, tombstone } from './tombstone.ts';

/** The operator's own tenant: what a region on one machine starts with. */
export const localAccount = 'local';

export interface NewToken {
  readonly accountId: string;
  readonly name: string;
  readonly scopes: readonly Scope[];
  /** Names of databases; without it, every one of the account. */
  readonly databases?: readonly string[] | null;
  /** ISO time; without it, never. */
  readonly expiresAt?: string | null;
}

interface TokensOptions {
  readonly dynamo: Dynamo;
  readonly cache: RecordCache<Token>;
  readonly clock: () => number;
}

export class Tokens {
  readonly #dynamo: Dynamo;
  readonly #cache: RecordCache<Token>;
  readonly #clock: () => number;

  constructor({ dynamo, cache, clock }: TokensOptions) {
    this.#dynamo = dynamo;
    this.#cache = cache;
    this.#clock = clock;
  }

  /** The secret is shown here and never again. */
  async createToken(fields: NewToken): Promise<{ token: Token; secret: string }> {
    const { token, secret, put } = this.draftToken(fields);
    await transact(this.#dynamo, [put]);
    await this.announce(token);
    return { token, secret };
  }

  async listTokens(accountId: string): Promise<Token[]> {
    const items = await queryItems(this.#dynamo, {
      TableName: tables.tokens,
      IndexName: indexes.tokensByAccount,
      KeyConditionExpression: 'accountId = :account',
      ExpressionAttributeValues: { ':account': accountId },
    });
    return (items as unknown as Token[]).toSorted((a, b) => (a.createdAt < b.createdAt ? -1 : 1));
  }

  async revokeToken(accountId: string, id: string): Promise<void> {
    const [item] = await queryItems(this.#dynamo, {
      TableName: tables.tokens,
      IndexName: indexes.tokensByAccount,
      KeyConditionExpression: 'accountId = :account AND id = :id',
      ExpressionAttributeValues: { ':account': accountId, ':id': id },
    });
    if (!item || !(await this.#remove(item as unknown as Token))) throw apiError('TokenNotFound', { token: id });
  }

  /** The token of a secret, through the cache; undefined when it is unknown, revoked or expired. */
  async findToken(secret: string): Promise<Token | undefined> {
    const token = await this.#cache.find(hashOf(secret));
    if (!token || (token.expiresAt !== null && Date.parse(token.expiresAt) <= this.#clock())) return undefined;
    return token;
  }

  /** Makes the account `local` and the operator's token for this secret; an operator token of another secret ends. */
  async ensureOperator(secret: string): Promise<void> {
    const createdAt = new Date(this.#clock()).toISOString();
    await this.#unlessDone(
      transact(this.#dynamo, accountPuts({ id: localAccount, name: localAccount, version: 1, createdAt })),
    );
    const hash = hashOf(secret);
    const { version, record } = await loadToken(this.#dynamo, hash);
    if (!record) {
      const token: Token = {
        hash,
        id: randomUUID(),
        accountId: localAccount,
        name: 'operator',
        scopes,
        databases: null,
        operator: true,
        expiresAt: null,
        version: version + 1,
        createdAt,
      };
      await this.#unlessDone(
        putItem(this.#dynamo, tables.tokens, { ...token }, { expression: 'attribute_not_exists(id)' }),
      );
      await this.announce(token);
    }
    for (const token of await this.listTokens(localAccount)) {
      if (token.operator && token.hash !== hash) await this.#remove(token);
    }
  }

  /** A token that is not stored yet: the caller writes `put`, alone or with what belongs to it. */
  draftToken(fields: NewToken): { token: Token; secret: string; put: TransactionItem } {
    const secret = `tsg_${randomBytes(32).toString('base64url')}`;
    const token: Token = {
      hash: hashOf(secret),
      id: randomUUID(),
      accountId: fields.accountId,
      name: fields.name,
      scopes: fields.scopes,
      databases: fields.databases ?? null,
      operator: false,
      expiresAt: fields.expiresAt ?? null,
      version: 1,
      createdAt: new Date(this.#clock()).toISOString(),
    };
    const put = {
      Put: {
        TableName: tables.tokens,
        Item: token,
        ConditionExpression: 'attribute_not_exists(#hash)',
        ExpressionAttributeNames: { '#hash': 'hash' },
      },
    };
    return { token, secret, put };
  }

  announce(token: Token): Promise<void> {
    return this.#cache.changed(token.hash, { version: token.version, record: token });
  }

  /** False when somebody else removed it before. */
  async #remove({ hash, version }: Token): Promise<boolean> {
    try {
      await putItem(this.#dynamo, tables.tokens, tombstone({ hash }, version + 1, this.#clock()), {
        expression: '#version = :version',
        names: { '#version': 'version' },
        values: { ':version': version },
      });
    } catch (error) {
      if (error instanceof ConditionFailed) return false;
      throw error;
    }
    await this.#cache.changed(hash, { version: version + 1, record: null });
    return true;
  }

  /** Another API process may be doing the same. */
  async #unlessDone(write: Promise<void>): Promise<void> {
    try {
      await write;
    } catch (error) {
      if (!(error instanceof ConditionFailed)) throw error;
    }
  }
}

/** A secret has 256 random bits, so a plain hash is enough; a slow one would be paid on every request. */
function hashOf(secret: string): string {
  return digest('sha256', secret, 'base64url');
}

export async function loadToken(dynamo: Dynamo, hash: string): Promise<Entry<Token>> {
  return entryOf(await readItem(dynamo, tables.tokens, { hash }), (item) => item as unknown as Token);
}
