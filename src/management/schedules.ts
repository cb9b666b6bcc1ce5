// What is done to databases again and again. Every sweeper looks for schedules whose time has come; making the task and moving the
// schedule on are one transaction, so that there is one task for a due time however many sweepers there are. Times that were missed
// while nobody looked make one task together.

import { hash } from 'node:crypto';
import { indexes, tables } from '../base/names.ts';
import { theService } from './audit.ts';
import { nextRunMs } from './cron.ts';
import { ConditionFailed, type Dynamo, queryItems, readItem, type TransactionItem, transact } from './dynamo.ts';
import { databaseKey, loadEntry } from './record-kinds.ts';
import { type Database, type ScheduleName, scheduleNames, type Task, type TaskKind } from './records.ts';
import { newTask, taskPut, toTask } from './task-item.ts';

export interface Schedule {
  /** Key: databaseId and name. */
  readonly databaseId: string;
  readonly name: ScheduleName;
  readonly accountId: string;
  readonly databaseName: string;
  readonly region: string;
  readonly cron: string;
  /** ISO. */
  readonly dueAt: string;
  /** The task that it made last. */
  readonly taskId: string | null;
}

const made: Readonly<Record<ScheduleName, { kind: TaskKind; params: object }>> = {
  backup: { kind: 'backup', params: { reason: 'scheduled' } },
  retention: { kind: 'retention', params: {} },
  compaction: { kind: 'compaction', params: {} },
};

interface SchedulesOptions {
  readonly dynamo: Dynamo;
  readonly region: string;
  readonly clock: () => number;
}

export class DueSchedules {
  readonly #dynamo: Dynamo;
  readonly #region: string;
  readonly #clock: () => number;

  constructor({ dynamo, region, clock }: SchedulesOptions) {
    this.#dynamo = dynamo;
    this.#region = region;
    this.#clock = clock;
  }

  /** Of the region, the longest due first. */
  due(limit: number): Promise<Schedule[]> {
    return this.#until(new Date(this.#clock()).toISOString(), limit);
  }

  /** All of the region, what is due first stands first. */
  all(limit: number): Promise<Schedule[]> {
    return this.#until('~', limit);
  }

  async #until(time: string, limit: number): Promise<Schedule[]> {
    const items = await queryItems(
      this.#dynamo,
      {
        TableName: tables.schedules,
        IndexName: indexes.schedulesDue,
        KeyConditionExpression: '#region = :region AND dueAt <= :time',
        ExpressionAttributeNames: { '#region': 'region' },
        ExpressionAttributeValues: { ':region': this.#region, ':time': time },
        Limit: limit,
      },
      limit,
    );
    return items as unknown as Schedule[];
  }

  /**
   * Makes the task of a due time; its message is still to be sent. Undefined when another sweeper was first, when the database is not
   * in use, or when the task before is not finished yet: then this time passes.
   */
  async fire(schedule: Schedule): Promise<Task | undefined> {
    const task = await this.#task(schedule);
    try {
      await transact(this.#dynamo, [this.#moveOn(schedule, task), ...(task ? [taskPut(task)] : [])]);
      return task;
    } catch (error) {
      if (error instanceof ConditionFailed) return undefined;
      throw error;
    }
  }

  async #task({ databaseId, name, accountId, databaseName, dueAt, taskId }: Schedule): Promise<Task | undefined> {
    const key = databaseKey({ accountId, name: databaseName });
    const { record } = await loadEntry(this.#dynamo, 'database', key);
    if (record?.id !== databaseId || record.status !== 'active') return undefined;
    const before = taskId === null ? undefined : await readItem(this.#dynamo, tables.tasks, { id: taskId });
    if (before && ['queued', 'running'].includes(toTask(before).state)) return undefined;
    const id = `${databaseId}-${name}-${dueAt}`;
    return newTask({ ...made[name], subject: record, requestedBy: theService, id }, this.#clock());
  }

  #moveOn({ databaseId, name, cron, dueAt, taskId }: Schedule, task: Task | undefined): TransactionItem {
    const next = nextRunMs(cron, this.#clock());
    const condition = {
      TableName: tables.schedules,
      Key: { databaseId, name },
      ConditionExpression: 'dueAt = :due AND cron = :cron',
    };
    const values = { ':due': dueAt, ':cron': cron };
    if (next === undefined) return { Delete: { ...condition, ExpressionAttributeValues: values } };
    return {
      Update: {
        ...condition,
        UpdateExpression: 'SET dueAt = :next, taskId = :task',
        ExpressionAttributeValues: {
          ...values,
          ':next': new Date(next).toISOString(),
          ':task': task?.id ?? taskId,
        },
      },
    };
  }
}

/** Part of the transaction that changes a database's schedules: those that changed begin anew. */
export function schedulePuts(before: Database, after: Database, nowMs: number): TransactionItem[] {
  return scheduleNames
    .filter((name) => cronFor(before, name) !== cronFor(after, name))
    .map((name) => schedulePut(after, name, nowMs));
}

/** Part of the transaction that makes a database. */
export function firstSchedules(database: Database, nowMs: number): TransactionItem[] {
  return scheduleNames
    .filter((name) => cronFor(database, name) !== null)
    .map((name) => schedulePut(database, name, nowMs));
}

/** Part of the transaction that removes a database. */
export function scheduleDeletes({ id: databaseId }: Database): TransactionItem[] {
  return scheduleNames.map((name) => ({ Delete: { TableName: tables.schedules, Key: { databaseId, name } } }));
}

function schedulePut(database: Database, name: ScheduleName, nowMs: number): TransactionItem {
  const { id: databaseId, accountId, name: databaseName, region } = database;
  const cron = cronFor(database, name);
  const next = cron === null ? undefined : nextRunMs(cron, nowMs);
  if (cron === null || next === undefined)
    return { Delete: { TableName: tables.schedules, Key: { databaseId, name } } };
  const dueAt = new Date(next).toISOString();
  const schedule: Schedule = { databaseId, name, accountId, databaseName, region, cron, dueAt, taskId: null };
  return { Put: { TableName: tables.schedules, Item: { ...schedule } } };
}

/**
 * A database that keeps points for a while only is cleared of older ones daily, where nothing else is said; small parts of each are merged weekly:
 * at a minute of its own, so that they do not all come at once.
 */
function cronFor({ id, retentionDays, schedules }: Database, name: ScheduleName): string | null {
  if (name === 'backup') return schedules.backup;
  const minute = Number.parseInt(hash('md5', id).slice(0, 8), 16) % (7 * 1_440);
  const daily = `${minute % 60} ${Math.floor(minute / 60) % 24} * *`;
  if (name === 'compaction') return `${daily} ${Math.floor(minute / 1_440)}`;
  return retentionDays === null ? null : (schedules.retention ?? `${daily} *`);
}
