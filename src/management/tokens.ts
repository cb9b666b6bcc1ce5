import { hash as digest, randomBytes, randomUUID } from 'node:crypto';
import { ApiError, apiError } from '../base/errors.ts';
import { indexes, tables } from '../base/names.ts';
import { recentEntries } from '../base/recent.ts';
import { countItem, requireOpen } from './account-items.ts';
import { accountChange, accountPuts, newAccount } from './accounts.ts';
import { type Actor, auditPut, theService } from './audit.ts';
import type { RecordCache } from './cache.ts';
import type { Changes } from './commit.ts';
import { ConditionFailed, type Dynamo, queryItems, readItems, type TransactionItem } from './dynamo.ts';
import { tombstone, versionedPut } from './entry.ts';
import type { Change } from './event.ts';
import { type Page, queryPage } from './page.ts';
import { loadEntry, toToken } from './record-kinds.ts';
import { type Scope, scopes, type Token } from './records.ts';
import { TokenCount } from './token-count.ts';

/** Hashing takes some 1.5 µs, finding a known secret a tenth of that. */
const maxKnownSecrets = 10_000;

/** An expired token can be looked at for so long. */
const expiredKeptMs = 7 * 24 * 3_600_000;
/** A transaction takes 100 items: per token what remains of it, its audit and its event. */
const maxRevokedAtOnce = 33;
/** That DynamoDB reads in one call. */
const maxUsersAtOnce = 100;

/** The operator's own tenant: what a region on one machine starts with. */
export const localAccount = 'local';

export interface NewToken {
  readonly accountId: string;
  /** Without it, the token is the account's own. */
  readonly userId?: string | null;
  readonly name: string;
  readonly scopes: readonly Scope[];
  /** Names of databases; without it, every one of the account. */
  readonly databases?: readonly string[] | null;
  /** ISO time; without it, never. */
  readonly expiresAt?: string | null;
  /** That the account may have; without it, any number. */
  readonly maxTokens?: number | null;
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
  readonly #count: TokenCount;
  readonly #clock: () => number;
  /** Hashes of secrets that were good, in this process's memory and nowhere else. */
  readonly #hashes = recentEntries<string, string>(maxKnownSecrets);

  constructor({ dynamo, cache, changes, clock }: TokensOptions) {
    this.#dynamo = dynamo;
    this.#cache = cache;
    this.#changes = changes;
    this.#count = new TokenCount({ dynamo, clock });
    this.#clock = clock;
  }

  /** The secret is shown here and never again. */
  async createToken(fields: NewToken, by: Actor): Promise<{ token: Token; secret: string }> {
    try {
      return await this.#createToken(fields, by);
    } catch (error) {
      // Some that were counted may have expired since, or are left of users that are gone.
      const isFull = error instanceof ApiError && error.code === 'TooManyTokens';
      if (!isFull || !(await this.#count.isDue(fields.accountId))) throw error;
      await this.#removeLeft(fields.accountId);
      if (!(await this.#count.countAgain(fields.accountId))) throw error;
      return this.#createToken(fields, by);
    }
  }

  /** A removal of a user that broke off has left some of its tokens. */
  async #removeLeft(accountId: string): Promise<void> {
    const ids = new Set<string>();
    for await (const page of this.#pages(accountId))
      for (const { userId } of page) if (userId !== null) ids.add(userId);
    const all = [...ids];
    for (let at = 0; at < all.length; at += maxUsersAtOnce) {
      const some = all.slice(at, at + maxUsersAtOnce);
      const keys = some.map((id) => ({ accountId, id }));
      const found = await readItems(this.#dynamo, tables.users, keys);
      const there = new Set(found.filter((item) => 'role' in item).map(({ id }) => id));
      for (const id of some) if (!there.has(id)) await this.revokeTokens(accountId, id, theService);
    }
  }

  async #createToken(fields: NewToken, by: Actor): Promise<{ token: Token; secret: string }> {
    const { token, secret, items, change } = this.draftToken(fields, by);
    const { accountId, userId } = token;
    const max = fields.maxTokens ?? null;
    try {
      await this.#changes.commit(
        [
          requireOpen(accountId),
          countItem(accountId, { tokens: 1 }, { of: 'tokens', max }),
          ...items,
          ...(userId === null ? [] : [requireUser(accountId, userId)]),
        ],
        [change],
      );
    } catch (error) {
      if (!(error instanceof ConditionFailed)) throw error;
      const [notOpen, full] = error.refused;
      if (notOpen) throw apiError('AccountClosed', { account: accountId, status: 'not active' }, { cause: error });
      if (full) throw apiError('TooManyTokens', { limit: max ?? 0 }, { cause: error, extra: { limit: 'tokens' } });
      throw apiError('UserNotFound', { user: userId ?? '' }, { cause: error });
    }
    return { token, secret };
  }

  /** Each page in the order of their creation. */
  async pageOfTokens(accountId: string, after?: string): Promise<Page<Token>> {
    const partition = ['accountId', accountId] as const;
    const query = { table: tables.tokens, index: indexes.tokensByAccount, partition, sort: 'id', after };
    const page = await queryPage(this.#dynamo, query, toToken);
    // DynamoDB may take two days to remove what is over.
    const shown = page.records.filter((token) => !isExpired(token, this.#clock() - expiredKeptMs));
    return { ...page, records: shown.toSorted(byCreation) };
  }

  async *#pages(accountId: string): AsyncGenerator<readonly Token[]> {
    let after: string | undefined;
    do {
      const { records, next } = await this.pageOfTokens(accountId, after);
      yield records;
      after = next ?? undefined;
    } while (after !== undefined);
  }

  async revokeToken(accountId: string, id: string, by: Actor): Promise<void> {
    const [item] = await queryItems(this.#dynamo, {
      TableName: tables.tokens,
      IndexName: indexes.tokensByAccount,
      KeyConditionExpression: 'accountId = :account AND id = :id',
      ExpressionAttributeValues: { ':account': accountId, ':id': id },
    });
    const token = item && toToken(item);
    // Without it nobody could act as the operator until the next start.
    if (token?.operator)
      throw apiError('InvalidRequest', { reason: "the operator's token ends when a start gives another one" });
    if (!token || !(await this.#remove([token], by))) throw apiError('TokenNotFound', { token: id });
  }

  /** Of one user, or, when it is null, every one of the account. */
  async revokeTokens(accountId: string, userId: string | null, by: Actor): Promise<void> {
    for await (const page of this.#pages(accountId)) {
      const theirs = page.filter((token) => userId === null || token.userId === userId);
      for (let at = 0; at < theirs.length; at += maxRevokedAtOnce) {
        const some = theirs.slice(at, at + maxRevokedAtOnce);
        if (await this.#remove(some, by)) continue;
        // Somebody else revokes one of them.
        for (const token of some) await this.#remove([token], by);
      }
    }
  }

  /** The token of a secret, through the cache; undefined when it is unknown, revoked or expired. At once when this process knows it. */
  findToken(secret: string): Token | undefined | Promise<Token | undefined> {
    const hash = this.#hashes.get(secret) ?? hashOf(secret);
    const found = this.#cache.find(hash);
    return found instanceof Promise
      ? found.then((token) => this.#good(secret, hash, token))
      : this.#good(secret, hash, found);
  }

  /**
   * Makes the account `local` and the operator's token for this secret. Each region may have a secret of its own: what it had before ends, and no other
   * region's does.
   */
  async ensureOperator(secret: string, region: string): Promise<void> {
    const name = `operator-${region}`;
    const createdAt = new Date(this.#clock()).toISOString();
    const account = newAccount({ id: localAccount, name: localAccount, plan: 'unlimited', limits: {}, createdAt });
    await this.#unlessDone(
      this.#changes.commit(accountPuts(account, theService, this.#clock()), [accountChange(account)]),
    );
    const hash = hashOf(secret);
    const { version, record } = await loadEntry(this.#dynamo, 'token', hash);
    if (!record) {
      const token: Token = {
        hash,
        id: randomUUID(),
        accountId: localAccount,
        userId: null,
        name,
        scopes,
        databases: null,
        operator: true,
        expiresAt: null,
        version: version + 1,
        createdAt,
      };
      await this.#unlessDone(
        this.#changes.commit(
          [
            versionedPut(tables.tokens, token, version),
            this.#auditPut(token, theService, 'createToken'),
            countItem(localAccount, { tokens: 1 }),
          ],
          [tokenChange(token)],
        ),
      );
    }
    for await (const page of this.#pages(localAccount)) {
      const former = page.filter((token) => token.operator && token.name === name && token.hash !== hash);
      for (const token of former) await this.#remove([token], theService);
    }
  }

  /** A token that is not stored yet: the caller commits `items` and `change`, alone or with what belongs to them. */
  draftToken(
    fields: NewToken,
    by: Actor,
  ): { token: Token; secret: string; items: readonly TransactionItem[]; change: Change } {
    const secret = `tsg_${randomBytes(32).toString('base64url')}`;
    const token: Token = {
      hash: hashOf(secret),
      id: randomUUID(),
      accountId: fields.accountId,
      userId: fields.userId ?? null,
      name: fields.name,
      scopes: fields.scopes,
      databases: fields.databases ?? null,
      operator: false,
      expiresAt: fields.expiresAt ?? null,
      version: 1,
      createdAt: new Date(this.#clock()).toISOString(),
    };
    const items = [versionedPut(tables.tokens, tokenItem(token), 0), this.#auditPut(token, by, 'createToken')];
    return { token, secret, items, change: tokenChange(token) };
  }

  #good(secret: string, hash: string, token: Token | null): Token | undefined {
    if (!token || isExpired(token, this.#clock())) return undefined;
    if (!this.#hashes.has(secret)) this.#hashes.set(secret, hash);
    return token;
  }

  /** All of them, of one account, or, when somebody else removed one before, none. */
  async #remove(tokens: readonly Token[], by: Actor): Promise<boolean> {
    const nowMs = this.#clock();
    try {
      await this.#changes.commit(
        tokens.flatMap((token) => [
          versionedPut(tables.tokens, tombstone({ hash: token.hash }, token.version + 1, nowMs), token.version),
          this.#auditPut(token, by, 'revokeToken'),
        ]),
        tokens.map(({ hash, version }) => ({ kind: 'token', key: hash, version: version + 1, record: null })),
      );
    } catch (error) {
      if (error instanceof ConditionFailed) return false;
      throw error;
    }
    await this.#count.removed(tokens.filter((token) => !isExpired(token, nowMs)));
    return true;
  }

  #auditPut(token: Token, by: Actor, action: string): TransactionItem {
    const { accountId, id, name, userId, scopes, databases, expiresAt } = token;
    const subject = { kind: 'token', id, name } as const;
    return auditPut(
      { accountId, by, action, subject, details: { userId, scopes, databases, expiresAt } },
      this.#clock(),
    );
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

function isExpired({ expiresAt }: Token, atMs: number): boolean {
  return expiresAt !== null && Date.parse(expiresAt) <= atMs;
}

/** One that expires leaves by itself. */
function tokenItem(token: Token): object {
  if (token.expiresAt === null) return token;
  return { ...token, goneAtS: Math.ceil((Date.parse(token.expiresAt) + expiredKeptMs) / 1_000) };
}

function byCreation(a: Token, b: Token): number {
  return a.createdAt < b.createdAt ? -1 : 1;
}

/** A secret has 256 random bits, so a plain hash is enough; a slow one would be paid on every request. */
function hashOf(secret: string): string {
  return digest('sha256', secret, 'base64url');
}

/** Part of a transaction: the user is there. */
function requireUser(accountId: string, id: string): TransactionItem {
  return {
    ConditionCheck: {
      TableName: tables.users,
      Key: { accountId, id },
      ConditionExpression: 'attribute_exists(#role)',
      ExpressionAttributeNames: { '#role': 'role' },
    },
  };
}

function tokenChange(token: Token): Change {
  return { kind: 'token', key: token.hash, version: token.version, record: token };
}
