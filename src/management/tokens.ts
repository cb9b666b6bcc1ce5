import { hash as digest, randomBytes, randomUUID } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { apiError } from '../base/errors.ts';
import { indexes, tables } from '../base/names.ts';
import { accountChange, accountPuts } from './accounts.ts';
import type { RecordCache } from './cache.ts';
import type { Changes } from './commit.ts';
import { ConditionFailed, type Dynamo, queryItems, type TransactionItem } from './dynamo.ts';
import { tombstone, versionedPut } from './entry.ts';
import type { Change } from './event.ts';
import { loadEntry } from './record-kinds.ts';
import { type Scope, scopes, type Token } from './records.ts';

/** Hashing takes some 1.5 µs, finding a known secret a tenth of that. */
const maxKnownSecrets = 10_000;

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
  readonly changes: Changes;
  readonly clock: () => number;
}

export class Tokens {
  readonly #dynamo: Dynamo;
  readonly #cache: RecordCache<Token>;
  readonly #changes: Changes;
  readonly #clock: () => number;
  /** Hashes of secrets that were good, in this process's memory and nowhere else. */
  readonly #hashes = new LRUCache<string, string>({ max: maxKnownSecrets });

  constructor({ dynamo, cache, changes, clock }: TokensOptions) {
    this.#dynamo = dynamo;
    this.#cache = cache;
    this.#changes = changes;
    this.#clock = clock;
  }

  /** The secret is shown here and never again. */
  async createToken(fields: NewToken): Promise<{ token: Token; secret: string }> {
    const { token, secret, put, change } = this.draftToken(fields);
    await this.#changes.commit([put], [change]);
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

  /** The token of a secret, through the cache; undefined when it is unknown, revoked or expired. At once when this process knows it. */
  findToken(secret: string): Token | undefined | Promise<Token | undefined> {
    const hash = this.#hashes.get(secret) ?? hashOf(secret);
    const found = this.#cache.find(hash);
    return found instanceof Promise
      ? found.then((token) => this.#good(secret, hash, token))
      : this.#good(secret, hash, found);
  }

  /** Makes the account `local` and the operator's token for this secret; an operator token of another secret ends. */
  async ensureOperator(secret: string): Promise<void> {
    const createdAt = new Date(this.#clock()).toISOString();
    const account = { id: localAccount, name: localAccount, version: 1, createdAt };
    await this.#unlessDone(this.#changes.commit(accountPuts(account), [accountChange(account)]));
    const hash = hashOf(secret);
    const { version, record } = await loadEntry(this.#dynamo, 'token', hash);
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
      await this.#unlessDone(this.#changes.commit([versionedPut(tables.tokens, token, version)], [tokenChange(token)]));
    }
    for (const token of await this.listTokens(localAccount)) {
      if (token.operator && token.hash !== hash) await this.#remove(token);
    }
  }

  /** A token that is not stored yet: the caller commits `put` and `change`, alone or with what belongs to them. */
  draftToken(fields: NewToken): { token: Token; secret: string; put: TransactionItem; change: Change } {
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
    return { token, secret, put: versionedPut(tables.tokens, token, 0), change: tokenChange(token) };
  }

  #good(secret: string, hash: string, token: Token | null): Token | undefined {
    if (!token || (token.expiresAt !== null && Date.parse(token.expiresAt) <= this.#clock())) return undefined;
    if (!this.#hashes.has(secret)) this.#hashes.set(secret, hash);
    return token;
  }

  /** False when somebody else removed it before. */
  async #remove({ hash, version: before }: Token): Promise<boolean> {
    const version = before + 1;
    try {
      await this.#changes.commit(
        [versionedPut(tables.tokens, tombstone({ hash }, version, this.#clock()), before)],
        [{ kind: 'token', key: hash, version, record: null }],
      );
    } catch (error) {
      if (error instanceof ConditionFailed) return false;
      throw error;
    }
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

export function tokenChange(token: Token): Change {
  return { kind: 'token', key: token.hash, version: token.version, record: token };
}
