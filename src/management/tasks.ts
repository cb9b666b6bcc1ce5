// Tasks as those see them who ask for them: made, looked at, cancelled, tried once more.

import { apiError } from '../base/errors.ts';
import { indexes, tables } from '../base/names.ts';
import { type Actor, auditPut } from './audit.ts';
import {
  ConditionFailed,
  countItems,
  type Dynamo,
  type Item,
  queryItems,
  queryOnce,
  readItem,
  transact,
} from './dynamo.ts';
import type { Task } from './records.ts';
import { sameVersion } from './task-claims.ts';
import { type NewTask, newTask, type TaskChange, taskPut, taskUpdate, toTask } from './task-item.ts';
import { taskKindEntry } from './task-kinds.ts';

/** That an account may have unfinished. */
const maxPending = 1_000;
/** Of a page of a list that is filtered. */
const maxReads = 5;

interface TasksOptions {
  readonly dynamo: Dynamo;
  readonly clock: () => number;
}

export interface TaskQuery {
  readonly accountId: string;
  readonly state?: string | undefined;
  readonly kind?: string | undefined;
  /** Its name. */
  readonly database?: string | undefined;
  readonly limit: number;
  /** Where the page before ended. */
  readonly after?: string | undefined;
}

export class Tasks {
  readonly #dynamo: Dynamo;
  readonly #clock: () => number;

  constructor({ dynamo, clock }: TasksOptions) {
    this.#dynamo = dynamo;
    this.#clock = clock;
  }

  /** Its message is still to be sent. One with an id that there is already is made no second time: the first one is given. */
  async createTask(fields: NewTask): Promise<Task> {
    const { accountId } = fields.subject;
    await this.requireRoom(accountId);
    const task = newTask(fields, this.#clock());
    try {
      await transact(this.#dynamo, [taskPut(task), this.#audit(task, fields.requestedBy, `create ${task.kind}`)]);
    } catch (error) {
      const first = error instanceof ConditionFailed ? await this.getTask(task.id) : undefined;
      if (!first) throw error;
      return first;
    }
    return task;
  }

  /** Approximate: the index is a moment behind. */
  async requireRoom(accountId: string): Promise<void> {
    const pending = await countItems(this.#dynamo, {
      TableName: tables.tasks,
      IndexName: indexes.tasksPending,
      KeyConditionExpression: 'pendingOf = :account',
      ExpressionAttributeValues: { ':account': accountId },
    });
    if (pending >= maxPending) throw apiError('TooManyTasks', { limit: maxPending });
  }

  async getTask(id: string): Promise<Task | undefined> {
    const item = await readItem(this.#dynamo, tables.tasks, { id });
    return item && toTask(item);
  }

  /** The newest first. A page may be short and not the last. */
  async listTasks(query: TaskQuery): Promise<{ tasks: Task[]; next: string | null }> {
    const { accountId, limit } = query;
    const filters = { state: query.state, kind: query.kind, databaseName: query.database };
    const given = Object.entries(filters).filter(([, value]) => value !== undefined);
    const tasks: Task[] = [];
    let start: Item | undefined = query.after === undefined ? undefined : placeOf(accountId, query.after);
    for (let read = 0; read < maxReads; read++) {
      const { items, lastKey } = await queryOnce(this.#dynamo, {
        TableName: tables.tasks,
        IndexName: indexes.tasksByAccount,
        KeyConditionExpression: 'accountId = :account',
        ...(given.length > 0 && {
          FilterExpression: given.map(([name]) => `#${name} = :${name}`).join(' AND '),
          ExpressionAttributeNames: Object.fromEntries(given.map(([name]) => [`#${name}`, name])),
        }),
        ExpressionAttributeValues: {
          ':account': accountId,
          ...Object.fromEntries(given.map(([name, value]) => [`:${name}`, value])),
        },
        ScanIndexForward: false,
        Limit: given.length > 0 ? Math.max(limit, 200) : limit,
        ...(start && { ExclusiveStartKey: start }),
      });
      tasks.push(...items.map(toTask));
      if (tasks.length > limit) {
        const page = tasks.slice(0, limit);
        return { tasks: page, next: `${page.at(-1)!.createdAt}#${page.at(-1)!.id}` };
      }
      if (!lastKey) return { tasks, next: null };
      start = lastKey;
      if (tasks.length === limit) break;
    }
    return { tasks, next: `${start!['createdAt']}#${start!['id']}` };
  }

  /** All that a region's workers have not finished, of every account, at most so many: what is due first stands first. */
  async unfinishedIn(region: string, limit: number): Promise<Task[]> {
    const query = {
      TableName: tables.tasks,
      IndexName: indexes.tasksDue,
      KeyConditionExpression: 'dueIn = :region',
      ExpressionAttributeValues: { ':region': region },
      Limit: limit,
    };
    return (await queryItems(this.#dynamo, query, limit)).map(toTask);
  }

  /** All that is not finished about a database, in any region. */
  async unfinishedOf(databaseId: string, accountId: string): Promise<Task[]> {
    const items = await queryItems(this.#dynamo, {
      TableName: tables.tasks,
      IndexName: indexes.tasksPending,
      KeyConditionExpression: 'pendingOf = :account',
      FilterExpression: 'databaseId = :database',
      ExpressionAttributeValues: { ':account': accountId, ':database': databaseId },
    });
    return items.map(toTask);
  }

  /**
   * A queued task is cancelled at once; a worker still puts in order what it left behind. The worker of a running one learns of it when
   * it extends its lease. Its message is still to be sent. Cancelling again changes nothing.
   */
  async cancel(id: string, by: Actor): Promise<Task> {
    return this.#decide(id, by, 'cancelTask', (task) => {
      const { uncancellable } = taskKindEntry(task.kind);
      if (uncancellable !== undefined) throw apiError('TaskNotCancellable', { task: id, reason: uncancellable });
      if (task.state === 'cancelled' || task.cancelRequested) return undefined;
      if (task.state === 'running') return { set: { cancelRequested: true } };
      if (task.state !== 'queued') throw apiError('TaskNotCancellable', { task: id, reason: `it has ${task.state}` });
      const set = { state: 'cancelled', waits: null, cleanUps: 0, sends: task.sends + 1, dueAt: this.#iso() };
      return { set };
    });
  }

  /** One that has failed or was cancelled is queued again, from where it was, as if it had not been tried. Its message is still to be sent. */
  async retry(id: string, by: Actor): Promise<Task> {
    return this.#decide(id, by, 'retryTask', (task) => {
      const isOver = task.state === 'failed' || (task.state === 'cancelled' && task.cleanUps === null);
      if (!isOver) throw apiError('TaskNotRetryable', { task: id, state: task.state });
      const again = { state: 'queued', attempts: 0, workedMs: 0, error: null, sends: task.sends + 1 };
      const found = { dueIn: task.region, dueAt: this.#iso(), pendingOf: task.accountId };
      return { set: { ...again, ...found }, remove: ['goneAtS'] };
    });
  }

  /**
   * What a task waits for has come: it need not wait until its time. Its message is still to be sent. Undefined when it does not wait, or
   * somebody changes it at the same time.
   */
  async wake(id: string): Promise<Task | undefined> {
    const task = await this.getTask(id);
    if (task?.state !== 'queued' || task.waits === null) return undefined;
    const set = { waits: null, sends: task.sends + 1, dueAt: this.#iso() };
    try {
      await transact(this.#dynamo, [{ Update: taskUpdate(id, { set, ...sameVersion(task) }, this.#clock()) }]);
    } catch (error) {
      if (error instanceof ConditionFailed) return undefined;
      throw error;
    }
    return this.getTask(id);
  }

  async #decide(
    id: string,
    by: Actor,
    action: string,
    decide: (task: Task) => Pick<TaskChange, 'set' | 'remove'> | undefined,
  ): Promise<Task> {
    for (let tries = 1; ; tries++) {
      const task = await this.getTask(id);
      if (!task) throw apiError('TaskNotFound', { task: id });
      const change = decide(task);
      if (!change) return task;
      const update = taskUpdate(id, { ...change, ...sameVersion(task) }, this.#clock());
      try {
        await transact(this.#dynamo, [{ Update: update }, this.#audit(task, by, action)]);
        return (await this.getTask(id))!;
      } catch (error) {
        if (!(error instanceof ConditionFailed)) throw error;
        // Its worker changes it every second or so.
        if (tries === 5) throw apiError('Conflict', { what: `Task ${id}` }, { cause: error });
      }
    }
  }

  #audit({ accountId, id, kind, databaseName }: Task, by: Actor, action: string) {
    const subject = { kind: 'task', id, name: kind } as const;
    return auditPut({ accountId, by, action, subject, details: { database: databaseName } }, this.#clock());
  }

  #iso(): string {
    return new Date(this.#clock()).toISOString();
  }
}

function placeOf(accountId: string, place: string): Item {
  const hash = place.indexOf('#');
  return { accountId, createdAt: place.slice(0, hash), id: place.slice(hash + 1) };
}
