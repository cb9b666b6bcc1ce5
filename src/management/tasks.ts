import { randomUUID } from 'node:crypto';
import { indexes, tables } from '../base/names.ts';
import {
  ConditionFailed,
  type Dynamo,
  type Item,
  queryItems,
  readItem,
  type TransactionItem,
  updateItem,
} from './dynamo.ts';
import type { Database, Task, TaskKind } from './records.ts';

/** How long a claim holds without being extended. */
export const leaseMs = 15_000;
/** A queued task that nobody claimed for so long may have lost its message. */
const messageLostMs = 10_000;
/** While a queue is long, messages are sent again ever more rarely. */
const maxResendMs = 60_000;
/** A task that has ended can be looked at for so long. */
const endedKeptMs = 90 * 24 * 3_600_000;

interface TasksOptions {
  readonly dynamo: Dynamo;
  readonly region: string;
  readonly clock: () => number;
}

/** The lease was lost: somebody else works on the task now, and this worker must let go of it. */
export class LeaseLost extends Error {}

export class Tasks {
  readonly #dynamo: Dynamo;
  readonly #region: string;
  readonly #clock: () => number;

  constructor({ dynamo, region, clock }: TasksOptions) {
    this.#dynamo = dynamo;
    this.#region = region;
    this.#clock = clock;
  }

  async getTask(id: string): Promise<Task | undefined> {
    const item = await readItem(this.#dynamo, tables.tasks, { id });
    return item && toTask(item);
  }

  /** The newest first. */
  async listTasks(accountId: string, limit = 100): Promise<Task[]> {
    const items = await queryItems(
      this.#dynamo,
      {
        TableName: tables.tasks,
        IndexName: indexes.tasksByAccount,
        KeyConditionExpression: 'accountId = :account',
        ExpressionAttributeValues: { ':account': accountId },
        ScanIndexForward: false,
        Limit: limit,
      },
      limit,
    );
    return items.map(toTask);
  }

  /** Undefined when there is nothing to do: it is done, unknown, or another worker has it. */
  async claim(id: string, owner: string): Promise<Task | undefined> {
    const now = this.#iso();
    const leaseUntil = this.#iso(leaseMs);
    return this.#change(id, {
      set: { state: 'running', leaseOwner: owner, leaseUntil, dueAt: leaseUntil },
      add: { attempts: 1 },
      condition: '#state = :queued OR (#state = :running AND leaseUntil < :now)',
      values: { ':queued': 'queued', ':running': 'running', ':now': now },
    });
  }

  extend(task: Task): Promise<Task> {
    const leaseUntil = this.#iso(leaseMs);
    return this.#changeOwn(task, { leaseUntil, dueAt: leaseUntil });
  }

  progress(task: Task, done: number, total: number): Promise<Task> {
    return this.#changeOwn(task, { progress: { done, total } });
  }

  finish(task: Task): Promise<Task> {
    return this.#end(task, 'succeeded', null);
  }

  fail(task: Task, error: string): Promise<Task> {
    return this.#end(task, 'failed', error);
  }

  /** Back to the queue, to be tried again after `delayMs`; the message is the caller's to send. */
  requeue(task: Task, error: string | null, delayMs: number): Promise<Task> {
    const dueAt = this.#iso(delayMs + messageLostMs);
    return this.#changeOwn(task, { state: 'queued', leaseOwner: null, leaseUntil: null, error, dueAt });
  }

  /** It is not time for it yet: as if it had not been claimed. Without a message, the sweeper finds it then. */
  postpone(task: Task, untilMs: number): Promise<Task> {
    const dueAt = new Date(untilMs).toISOString();
    const attempts = task.attempts - 1;
    const queued = { state: 'queued', leaseOwner: null, leaseUntil: null, sends: 0 };
    return this.#changeOwn(task, { ...queued, error: null, attempts, dueAt });
  }

  /** Unfinished tasks of the region that nobody seems to take care of, the longest waiting first. */
  due(limit: number): Promise<Task[]> {
    return this.#unfinished('dueIn = :region AND dueAt <= :now', { ':now': this.#iso() }, limit);
  }

  /** All unfinished tasks of the region. */
  unfinished(): Promise<Task[]> {
    return this.#unfinished('dueIn = :region', {}, Number.POSITIVE_INFINITY);
  }

  /**
   * Takes it on oneself to send the task's message again; undefined when somebody else did or the task moved on.
   * A running task is queued again when its lease ran out, or when its holder is known to be dead (`orphaned`).
   */
  async takeOver(task: Task, { orphaned = false } = {}): Promise<Task | undefined> {
    const sends = task.sends + 1;
    return this.#change(task.id, {
      set: {
        state: 'queued',
        leaseOwner: null,
        leaseUntil: null,
        sends,
        dueAt: this.#iso(Math.min(messageLostMs * 2 ** task.sends, maxResendMs)),
      },
      condition:
        '#version = :version AND (#state = :queued OR (#state = :running AND (leaseUntil < :now OR leaseOwner = :dead)))',
      values: {
        ':version': task.version,
        ':queued': 'queued',
        ':running': 'running',
        ':now': this.#iso(),
        ':dead': orphaned ? task.leaseOwner : '',
      },
    });
  }

  async #unfinished(condition: string, values: Item, limit: number): Promise<Task[]> {
    const items = await queryItems(
      this.#dynamo,
      {
        TableName: tables.tasks,
        IndexName: indexes.tasksDue,
        KeyConditionExpression: condition,
        ExpressionAttributeValues: { ':region': this.#region, ...values },
        ...(Number.isFinite(limit) && { Limit: limit }),
      },
      limit,
    );
    return items.map(toTask);
  }

  /** Nobody looks for it any more: it leaves the index of what is due, and after a while the table. */
  #end(task: Task, state: 'succeeded' | 'failed', error: string | null): Promise<Task> {
    const goneAtS = Math.ceil((this.#clock() + endedKeptMs) / 1_000);
    const set = { state, leaseOwner: null, leaseUntil: null, error, goneAtS };
    return this.#changeOwn(task, set, ['dueIn', 'dueAt']);
  }

  /** A change by the worker that holds the lease. The attempt tells a claim from an earlier one of the same worker. */
  async #changeOwn(task: Task, set: Item, remove: readonly string[] = []): Promise<Task> {
    const changed = await this.#change(task.id, {
      set,
      remove,
      condition: '#state = :running AND leaseOwner = :owner AND attempts = :attempt',
      values: { ':running': 'running', ':owner': task.leaseOwner, ':attempt': task.attempts },
    });
    if (!changed) throw new LeaseLost(`task ${task.id} is no longer held by ${task.leaseOwner}`);
    return changed;
  }

  async #change(
    id: string,
    {
      set,
      add = {},
      remove = [],
      condition,
      values,
    }: { set: Item; add?: Record<string, number>; remove?: readonly string[]; condition: string; values: Item },
  ): Promise<Task | undefined> {
    const assigned: Item = { ...set, updatedAt: this.#iso() };
    const added: Record<string, number> = { ...add, version: 1 };
    const names = [...Object.keys(assigned), ...Object.keys(added), ...remove];
    const clauses = [
      `SET ${Object.keys(assigned)
        .map((name) => `#${name} = :set_${name}`)
        .join(', ')}`,
      `ADD ${Object.keys(added)
        .map((name) => `#${name} :add_${name}`)
        .join(', ')}`,
      ...(remove.length > 0 ? [`REMOVE ${remove.map((name) => `#${name}`).join(', ')}`] : []),
    ];
    try {
      return toTask(
        await updateItem(this.#dynamo, {
          TableName: tables.tasks,
          Key: { id },
          UpdateExpression: clauses.join(' '),
          ConditionExpression: condition,
          ExpressionAttributeNames: {
            ...Object.fromEntries(names.map((name) => [`#${name}`, name])),
            '#state': 'state',
          },
          ExpressionAttributeValues: {
            ...Object.fromEntries(Object.entries(assigned).map(([name, value]) => [`:set_${name}`, value])),
            ...Object.fromEntries(Object.entries(added).map(([name, value]) => [`:add_${name}`, value])),
            ...values,
          },
        }),
      );
    } catch (error) {
      if (error instanceof ConditionFailed) return undefined;
      throw error;
    }
  }

  #iso(fromNowMs = 0): string {
    return new Date(this.#clock() + fromNowMs).toISOString();
  }
}

/** Without a name and an id, it is about the whole account. */
type TaskSubject = Pick<Database, 'accountId' | 'region'> & Partial<Pick<Database, 'name' | 'id'>>;

export function newTask(kind: TaskKind, subject: TaskSubject, nowMs: number): Task {
  const now = new Date(nowMs).toISOString();
  return {
    id: randomUUID(),
    accountId: subject.accountId,
    region: subject.region,
    kind,
    state: 'queued',
    databaseName: subject.name ?? null,
    databaseId: subject.id ?? null,
    attempts: 0,
    sends: 0,
    leaseOwner: null,
    leaseUntil: null,
    progress: null,
    error: null,
    version: 1,
    createdAt: now,
    updatedAt: now,
  };
}

/** For the transaction that makes the reason for the task. It is looked at when its message comes, or, without one, after `delayMs`. */
export function taskPut(task: Task, delayMs = messageLostMs): TransactionItem {
  return {
    Put: {
      TableName: tables.tasks,
      Item: {
        ...task,
        dueIn: task.region,
        dueAt: new Date(Date.parse(task.createdAt) + delayMs).toISOString(),
      },
      ConditionExpression: 'attribute_not_exists(id)',
    },
  };
}

/** What the index and the end of the item need stays here. */
function toTask({ dueIn: _dueIn, dueAt: _dueAt, goneAtS: _goneAtS, ...item }: Item): Task {
  const task = item as unknown as Task;
  // DynamoDB keeps no order of keys.
  return task.progress ? { ...task, progress: { done: task.progress.done, total: task.progress.total } } : task;
}
