// Who changed what, when, from where. An entry is part of the transaction that makes the change, so there is none without the other.

import { randomUUID } from 'node:crypto';
import { tables } from '../base/names.ts';
import { type Dynamo, type Item, putItem, queryOnce, type TransactionItem } from './dynamo.ts';

/** Entries are kept for so long. */
const keptMs = 400 * 24 * 3_600_000;

/** Who acts. Each member is null where it does not apply. */
export interface Actor {
  /** Of the caller; another one than the changed account's when the operator acts. */
  readonly accountId: string | null;
  readonly userId: string | null;
  readonly tokenId: string | null;
  readonly operator: boolean;
  /** IP address of the caller. */
  readonly address: string | null;
  /** Whose API took the request. */
  readonly region: string | null;
  readonly requestId: string | null;
}

/** What happens without a caller: the first start, and work that a task does. */
export const theService: Actor = {
  accountId: null,
  userId: null,
  tokenId: null,
  operator: false,
  address: null,
  region: null,
  requestId: null,
};

export interface Deed {
  /** Whose data changes. */
  readonly accountId: string;
  readonly by: Actor;
  /** Name of the route, or of the task's kind. */
  readonly action: string;
  readonly subject: { readonly kind: SubjectKind; readonly id: string; readonly name: string };
  /** What it was changed to. Never a secret. */
  readonly details?: object;
}

type SubjectKind = 'account' | 'user' | 'token' | 'database' | 'series' | 'backup' | 'task' | 'host';

export interface AuditEntry extends Deed {
  readonly id: string;
  /** ISO time by the clock of the API that took the request. */
  readonly at: string;
}

/** Part of the transaction that makes the change. */
export function auditPut(deed: Deed, nowMs: number): TransactionItem {
  return { Put: { TableName: tables.audit, Item: entryItem(deed, nowMs) } };
}

interface AuditQuery {
  readonly accountId: string;
  /** Half-open. */
  readonly fromMs: number | undefined;
  readonly untilMs: number | undefined;
  readonly limit: number;
  /** Entries older than this one: its place. */
  readonly after: string | undefined;
}

export class Audit {
  readonly #dynamo: Dynamo;
  readonly #clock: () => number;

  constructor({ dynamo, clock }: { dynamo: Dynamo; clock: () => number }) {
    this.#dynamo = dynamo;
    this.#clock = clock;
  }

  /** Of a change that is not DynamoDB's: it is written before the change is made. */
  async record(deed: Deed): Promise<void> {
    await putItem(this.#dynamo, tables.audit, entryItem(deed, this.#clock()), {
      expression: 'attribute_not_exists(place)',
    });
  }

  /** The newest first, up to `limit` and a megabyte; `next` is the place to go on after, null at the end. */
  async listEntries(query: AuditQuery): Promise<{ entries: AuditEntry[]; next: string | null }> {
    const { accountId, fromMs = 0, untilMs, limit, after } = query;
    const until = untilMs === undefined ? '~' : iso(untilMs);
    // Another range than the one that the place was given for.
    if (after !== undefined && after < iso(fromMs)) return { entries: [], next: null };
    const { items, lastKey } = await queryOnce(this.#dynamo, {
      TableName: tables.audit,
      KeyConditionExpression: 'accountId = :account AND place BETWEEN :from AND :until',
      ExpressionAttributeValues: {
        ':account': accountId,
        ':from': iso(fromMs),
        ':until': after !== undefined && after < until ? after : until,
      },
      ScanIndexForward: false,
      ConsistentRead: true,
      // BETWEEN takes the entry at `after` too.
      Limit: limit + 2,
    });
    const older = items.filter(({ place }) => place !== after);
    const page = older.slice(0, limit);
    const isLast = lastKey === undefined && older.length <= limit;
    return { entries: page.map(toEntry), next: isLast ? null : (page.at(-1)!['place'] as string) };
  }
}

function entryItem(deed: Deed, nowMs: number): Item {
  const id = randomUUID();
  return { ...deed, id, place: `${iso(nowMs)}#${id}`, goneAtS: Math.ceil((nowMs + keptMs) / 1_000) };
}

function toEntry({ place, goneAtS: _goneAtS, ...entry }: Item): AuditEntry {
  return { ...entry, at: (place as string).split('#')[0] } as unknown as AuditEntry;
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
