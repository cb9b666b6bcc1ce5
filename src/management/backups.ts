// The records of backups. What a backup consists of stands in its manifest (backup-manifest.ts); the record says what may be done with it.

import { createHash } from 'node:crypto';
import { apiError } from '../base/errors.ts';
import { indexes, tables } from '../base/names.ts';
import { type Actor, auditPut } from './audit.ts';
import { type BackupRule, supersededBackups } from './backup-rule.ts';
import {
  assignments,
  ConditionFailed,
  type Dynamo,
  type Item,
  queryItems,
  readItem,
  type TransactionItem,
  transact,
} from './dynamo.ts';
import { type Page, queryPage } from './page.ts';
import type { Backup, BackupReason, BackupStatus, Database, Task } from './records.ts';

/** What is known when all of it is stored. */
export type BackupOutcome = Pick<Backup, 'bytes' | 'uploadedBytes' | 'rows' | 'journal' | 'takenAt'>;

export interface NewBackup {
  readonly reason: BackupReason;
  readonly full: boolean;
  /** Null: by the rule when it is scheduled, else when it is deleted. */
  readonly keepDays: number | null;
}

const dayMs = 24 * 3_600_000;

interface BackupsOptions {
  readonly dynamo: Dynamo;
  readonly clock: () => number;
}

export class Backups {
  readonly #dynamo: Dynamo;
  readonly #clock: () => number;

  constructor({ dynamo, clock }: BackupsOptions) {
    this.#dynamo = dynamo;
    this.#clock = clock;
  }

  async getBackup(databaseId: string, id: string): Promise<Backup | undefined> {
    const item = await readItem(this.#dynamo, tables.backups, { databaseId, id });
    return item && toBackup(item);
  }

  /** Also of a database that is gone. */
  async findBackup(accountId: string, id: string): Promise<Backup | undefined> {
    const [item] = await queryItems(this.#dynamo, {
      TableName: tables.backups,
      IndexName: indexes.backupsByAccount,
      KeyConditionExpression: 'accountId = :account AND id = :id',
      ExpressionAttributeValues: { ':account': accountId, ':id': id },
    });
    // The index may be a moment behind: it only gives the key.
    return item && this.getBackup(item['databaseId'] as string, id);
  }

  /** The oldest first. */
  async listBackups(databaseId: string): Promise<Backup[]> {
    const items = await queryItems(this.#dynamo, {
      TableName: tables.backups,
      KeyConditionExpression: 'databaseId = :database',
      ExpressionAttributeValues: { ':database': databaseId },
      ConsistentRead: true,
    });
    return items.map(toBackup);
  }

  /** The oldest first, also of databases that are gone. */
  listAccountBackups(accountId: string, after?: string): Promise<Page<Backup>> {
    const table = { table: tables.backups, index: indexes.backupsByAccount, sort: 'id', after };
    return queryPage(this.#dynamo, { ...table, partition: ['accountId', accountId] }, toBackup);
  }

  /** The newest one that can be restored. */
  async lastComplete(databaseId: string): Promise<Backup | undefined> {
    return (await this.listBackups(databaseId)).findLast(({ status }) => status === 'complete');
  }

  /**
   * The record of the backup that the task makes; the one that is there when an earlier attempt made it. The newest complete backup becomes its
   * base, which cannot expire until this one has ended: its objects may be named by this one too.
   */
  async begin(task: Pick<Task, 'id' | 'createdAt'>, database: Database, wanted: NewBackup): Promise<Backup> {
    const id = backupIdOf(task);
    for (;;) {
      const before = await this.getBackup(database.id, id);
      if (before) return before;
      const base = wanted.full ? undefined : await this.lastComplete(database.id);
      const backup = newBackup(id, task, database, wanted, base, this.#clock());
      try {
        await transact(this.#dynamo, [
          {
            Put: { TableName: tables.backups, Item: { ...backup }, ConditionExpression: 'attribute_not_exists(id)' },
          },
          ...(base ? [pin(base, id)] : []),
        ]);
        return backup;
      } catch (error) {
        // It is there by now, or its base is about to expire.
        if (!(error instanceof ConditionFailed)) throw error;
      }
    }
  }

  /** From now on it can be restored. */
  complete(backup: Backup, outcome: BackupOutcome): Promise<Backup> {
    return this.#end(backup, 'complete', { ...outcome, completedAt: this.#iso() });
  }

  /** What it uploaded goes with the next sweep. */
  fail(backup: Backup): Promise<Backup> {
    return this.#end(backup, 'failed', {});
  }

  async #end(backup: Backup, status: BackupStatus, values: Item): Promise<Backup> {
    const { databaseId, id, base } = backup;
    const { set, ...placeholders } = assignments({ ...values, status });
    try {
      await transact(this.#dynamo, [
        {
          Update: {
            TableName: tables.backups,
            Key: { databaseId, id },
            UpdateExpression: `SET ${set} ADD #version :one`,
            ConditionExpression: '#status = :running',
            ExpressionAttributeNames: { ...placeholders.ExpressionAttributeNames, '#version': 'version' },
            ExpressionAttributeValues: {
              ...placeholders.ExpressionAttributeValues,
              ':one': 1,
              ':running': 'running' satisfies BackupStatus,
            },
          },
        },
        ...(base === null ? [] : [unpin(databaseId, base, id)]),
      ]);
    } catch (error) {
      // An earlier attempt came this far.
      if (!(error instanceof ConditionFailed)) throw error;
    }
    const ended = await this.getBackup(databaseId, id);
    if (ended?.status !== status) throw new Error(`the backup is ${ended?.status ?? 'gone'}`);
    return ended;
  }

  /** It expires at once; what it consists of goes with the task that the caller makes. */
  async requestDelete(backup: Backup, by: Actor): Promise<void> {
    const { accountId, databaseId, id, databaseName } = backup;
    const subject = { kind: 'backup', id, name: id } as const;
    const details = { database: databaseName };
    try {
      await transact(this.#dynamo, [
        {
          Update: {
            TableName: tables.backups,
            Key: { databaseId, id },
            UpdateExpression: 'SET expiresAt = :now ADD #version :one',
            ConditionExpression: '#status IN (:complete, :failed, :expiring)',
            ExpressionAttributeNames: { '#status': 'status', '#version': 'version' },
            ExpressionAttributeValues: {
              ':now': this.#iso(),
              ':one': 1,
              ':complete': 'complete',
              ':failed': 'failed',
              ':expiring': 'expiring',
            },
          },
        },
        auditPut({ accountId, by, action: 'deleteBackup', subject, details }, this.#clock()),
      ]);
    } catch (error) {
      if (!(error instanceof ConditionFailed)) throw error;
      throw apiError('BackupBusy', { backup: id, status: 'running' });
    }
  }

  /** It does not expire until the holder lets go of it. */
  async hold({ databaseId, id }: Pick<Backup, 'databaseId' | 'id'>, holder: string): Promise<void> {
    try {
      await transact(this.#dynamo, [pin({ databaseId, id }, holder)]);
    } catch (error) {
      if (error instanceof ConditionFailed) throw apiError('BackupNotFound', { backup: id });
      throw error;
    }
  }

  async release({ databaseId, id }: Pick<Backup, 'databaseId' | 'id'>, holder: string): Promise<void> {
    try {
      await transact(this.#dynamo, [unpin(databaseId, id, holder)]);
    } catch (error) {
      // It was never held, and is gone.
      if (!(error instanceof ConditionFailed)) throw error;
    }
  }

  /** Who holds which: restores by their tasks, backups that name its objects by their own ids. */
  async holds(databaseId: string): Promise<{ backup: string; holder: string }[]> {
    const items = await queryItems(this.#dynamo, {
      TableName: tables.backups,
      KeyConditionExpression: 'databaseId = :database',
      FilterExpression: 'attribute_exists(pinnedBy)',
      ExpressionAttributeValues: { ':database': databaseId },
      ConsistentRead: true,
    });
    return items.flatMap((item) =>
      [...(item['pinnedBy'] as ReadonlySet<string>)].map((holder) => ({ backup: item['id'] as string, holder })),
    );
  }

  /** False: a backup that is being made names its objects, it is being restored, or it has changed. It can be tried again later. */
  async startExpiry({ databaseId, id, status }: Backup): Promise<boolean> {
    if (status === 'expiring') return true;
    try {
      await transact(this.#dynamo, [
        {
          Update: {
            TableName: tables.backups,
            Key: { databaseId, id },
            UpdateExpression: 'SET #status = :expiring ADD #version :one',
            ConditionExpression: '#status = :status AND attribute_not_exists(pinnedBy)',
            ExpressionAttributeNames: { '#status': 'status', '#version': 'version' },
            ExpressionAttributeValues: { ':expiring': 'expiring', ':status': status, ':one': 1 },
          },
        },
      ]);
      return true;
    } catch (error) {
      if (error instanceof ConditionFailed) return false;
      throw error;
    }
  }

  /** Its manifest is gone, and so is all that only it named. */
  async remove({ databaseId, id }: Backup): Promise<void> {
    try {
      await transact(this.#dynamo, [
        {
          Delete: {
            TableName: tables.backups,
            Key: { databaseId, id },
            ConditionExpression: '#status = :expiring',
            ExpressionAttributeNames: { '#status': 'status' },
            ExpressionAttributeValues: { ':expiring': 'expiring' },
          },
        },
      ]);
    } catch (error) {
      if (!(error instanceof ConditionFailed)) throw error;
    }
  }

  #iso(): string {
    return new Date(this.#clock()).toISOString();
  }
}

/** Those whose time is over. While the database lives, its newest complete backup of a schedule stays whatever the rule says. */
export function backupsToExpire(
  backups: readonly Backup[],
  { rule, nowMs, isGone }: { rule: BackupRule; nowMs: number; isGone: boolean },
): Backup[] {
  const scheduled = backups.filter(isByRule);
  const newest = isGone ? undefined : scheduled.at(-1);
  const superseded = new Set(supersededBackups(scheduled, rule, nowMs).map(({ id }) => id));
  if (newest) superseded.delete(newest.id);
  return backups.filter(
    ({ id, status, expiresAt }) =>
      status === 'failed' ||
      status === 'expiring' ||
      (status === 'complete' && (superseded.has(id) || (expiresAt !== null && Date.parse(expiresAt) <= nowMs))),
  );
}

function isByRule({ status, reason, expiresAt }: Backup): boolean {
  return status === 'complete' && reason === 'scheduled' && expiresAt === null;
}

/** Up to which a restore of the backup can apply the journal: ISO with its zone. */
export function restoreTime(until: string, { createdAt, takenAt, journal }: Backup, nowMs: number): string {
  const untilMs = Date.parse(until);
  const refuse = (reason: string) => apiError('InvalidRequest', { reason: `until: ${until} ${reason}` });
  if (!/^\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)$/.test(until) || Number.isNaN(untilMs))
    throw refuse('is not an ISO 8601 time with its zone');
  const fromAt = takenAt ?? createdAt;
  if (untilMs < Date.parse(fromAt)) throw refuse(`is before the backup (${fromAt}); choose an earlier backup`);
  if (untilMs > nowMs) throw refuse('is in the future');
  if (!journal) throw refuse('cannot be reached: the backup has no journal to go on from');
  return new Date(untilMs).toISOString();
}

/** The same for every attempt of the task; in the order of time. */
export function backupIdOf({ id, createdAt }: Pick<Task, 'id' | 'createdAt'>): string {
  const time = createdAt.slice(0, 19).replaceAll(/[-:]/g, '').replace('T', 't');
  return `b-${time}-${createHash('sha256').update(id).digest('hex').slice(0, 12)}`;
}

function newBackup(
  id: string,
  task: Pick<Task, 'id'>,
  database: Database,
  { reason, keepDays }: NewBackup,
  base: Backup | undefined,
  nowMs: number,
): Backup {
  return {
    databaseId: database.id,
    id,
    accountId: database.accountId,
    databaseName: database.name,
    region: database.region,
    taskId: task.id,
    status: 'running',
    reason,
    full: base === undefined,
    base: base?.id ?? null,
    volumes: database.volumes,
    schema: database.schema,
    bytes: 0,
    uploadedBytes: 0,
    rows: 0,
    journal: null,
    takenAt: null,
    version: 1,
    createdAt: new Date(nowMs).toISOString(),
    completedAt: null,
    expiresAt: keepDays === null ? null : new Date(nowMs + keepDays * dayMs).toISOString(),
  };
}

function pin({ databaseId, id }: Pick<Backup, 'databaseId' | 'id'>, by: string): TransactionItem {
  return {
    Update: {
      TableName: tables.backups,
      Key: { databaseId, id },
      UpdateExpression: 'ADD pinnedBy :by',
      ConditionExpression: '#status = :complete',
      ExpressionAttributeNames: { '#status': 'status' },
      ExpressionAttributeValues: { ':by': new Set([by]), ':complete': 'complete' },
    },
  };
}

function unpin(databaseId: string, id: string, by: string): TransactionItem {
  return {
    Update: {
      TableName: tables.backups,
      Key: { databaseId, id },
      UpdateExpression: 'DELETE pinnedBy :by',
      ConditionExpression: 'attribute_exists(id)',
      ExpressionAttributeValues: { ':by': new Set([by]) },
    },
  };
}

/** Who holds it stays here. */
function toBackup({ pinnedBy: _pinnedBy, ...item }: Item): Backup {
  return item as unknown as Backup;
}
