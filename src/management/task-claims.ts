// The worker's side of a task: it claims one for as long as it keeps saying so, and every change that it makes is refused once the
// claim is another's. And the sweeper's: tasks that nobody takes care of.

import { indexes, tables } from '../base/names.ts';
import { type Dynamo, type Item, queryItems, readItem } from './dynamo.ts';
import type { AttemptOutcome, Task, TaskAttempt, TaskProgress } from './records.ts';
import { changeTask, endedKeptMs, maxCheckpointBytes, messageLostMs, type TaskChange, toTask } from './task-item.ts';

/** How long a claim holds without being extended. */
export const leaseMs = 15_000;
/** While a queue is long, messages are sent again ever more rarely. */
const maxResendMs = 60_000;
const keptAttempts = 20;
const maxAttemptError = 500;

interface TaskClaimsOptions {
  readonly dynamo: Dynamo;
  readonly region: string;
  readonly clock: () => number;
}

/** The lease was lost: somebody else works on the task now, and this worker must let go of it. */
export class LeaseLost extends Error {}

export class TaskClaims {
  readonly #dynamo: Dynamo;
  readonly #region: string;
  readonly #clock: () => number;

  constructor({ dynamo, region, clock }: TaskClaimsOptions) {
    this.#dynamo = dynamo;
    this.#region = region;
    this.#clock = clock;
  }

  /** Somebody may claim it now: it is queued and its time has come, or it was left behind. */
  isFree({ state, leaseUntil, cleanUps, waits }: Task): boolean {
    const now = this.#iso();
    if (state === 'queued') return waits === null || waits.until <= now;
    return (
      (leaseUntil === null || leaseUntil < now) && (state === 'running' || (state === 'cancelled' && cleanUps !== null))
    );
  }

  /** Undefined when there is nothing to do: it is done, unknown, or another worker has it. A cancelled task stays so: it is claimed to be cleaned up. */
  async claim(id: string, owner: string): Promise<Task | undefined> {
    const item = await readItem(this.#dynamo, tables.tasks, { id });
    const task = item && toTask(item);
    if (!task || !this.isFree(task)) return undefined;
    const leaseUntil = this.#iso(leaseMs);
    const lease = { leaseOwner: owner, leaseUntil, dueAt: leaseUntil, claims: task.claims + 1 };
    const attempts = task.attempts + 1;
    const startedAt = this.#iso();
    const attempt: TaskAttempt = { attempt: attempts, owner, startedAt, endedAt: null, outcome: null, error: null };
    return this.#change(task, {
      set:
        task.state === 'cancelled'
          ? { ...lease, cleanUps: task.cleanUps! + 1 }
          : {
              ...lease,
              ...(task.state === 'running' && lostAttempt(task)),
              state: 'running',
              attempts,
              waits: null,
              startedAt: task.startedAt ?? startedAt,
              history: [...closedHistory(task), attempt].slice(-keptAttempts),
            },
      ...sameVersion(task),
    });
  }

  /** Gives the task as it is: it may be that it is to be cancelled. */
  extend(task: Task): Promise<Task> {
    const leaseUntil = this.#iso(leaseMs);
    return this.#changeOwn(task, { leaseUntil, dueAt: leaseUntil });
  }

  progress(task: Task, progress: TaskProgress): Promise<Task> {
    return this.#changeOwn(task, { progress });
  }

  checkpoint(task: Task, checkpoint: unknown): Promise<Task> {
    const bytes = Buffer.byteLength(JSON.stringify(checkpoint));
    if (bytes > maxCheckpointBytes)
      throw new RangeError(`a checkpoint of ${bytes} bytes; ${maxCheckpointBytes} at most`);
    return this.#changeOwn(task, { checkpoint });
  }

  finish(task: Task, result: unknown): Promise<Task> {
    return this.#end(task, {
      ...this.#ended(task, 'succeeded', null),
      state: 'succeeded',
      error: null,
      result: result ?? null,
    });
  }

  fail(task: Task, error: string): Promise<Task> {
    return this.#end(task, { ...this.#ended(task, 'failed', error), state: 'failed', error });
  }

  /** It counts as cancelled from now on; the holder keeps it to clean up, and then ends it. */
  cancel(task: Task): Promise<Task> {
    const ended = this.#ended(task, 'cancelled', null);
    return this.#changeOwn(task, {
      ...ended,
      state: 'cancelled',
      cancelRequested: false,
      error: null,
      waits: null,
      cleanUps: 1,
    });
  }

  /** Back to the queue: the message is the caller's to send. */
  requeueCleanUp(task: Task, delayMs: number): Promise<Task> {
    return this.#release(task, { state: 'cancelled' }, delayMs);
  }

  endCleanUp(task: Task): Promise<Task> {
    return this.#end(task, { cleanUps: null });
  }

  /** Back to the queue after a fault, to be tried again after `delayMs`; the message is the caller's to send. */
  requeue(task: Task, error: string, delayMs: number): Promise<Task> {
    return this.#release(task, { ...this.#ended(task, 'failed', error), error }, delayMs);
  }

  /** Back to the queue since its worker stops: no fault of the task's. */
  handBack(task: Task): Promise<Task> {
    return this.#release(task, { ...this.#ended(task, 'returned', null), attempts: task.attempts - 1 }, 0);
  }

  /** Back to the queue since others are to have their turn: as if it had not been claimed. */
  endSlice(task: Task): Promise<Task> {
    return this.#release(task, this.#uncounted(task), 0);
  }

  /** It is not time for it yet: as if it had not been claimed. Without a message, the sweeper finds it then. */
  postpone(task: Task, untilMs: number, reason: string): Promise<Task> {
    const until = new Date(untilMs).toISOString();
    const waiting = {
      ...this.#uncounted(task),
      error: null,
      waits: { reason: reason.slice(0, maxAttemptError), until },
    };
    return this.#release(task, waiting, untilMs - this.#clock() - messageLostMs);
  }

  /** A queued task that this worker has no room for: its next message counts. Undefined when it moved on. */
  async defer(task: Task, delayMs: number): Promise<Task | undefined> {
    const { condition, values } = sameVersion(task);
    return this.#change(task, {
      set: { sends: task.sends + 1, dueAt: this.#iso(delayMs + messageLostMs) },
      condition: `${condition} AND #state = :queued`,
      values: { ...values, ':queued': 'queued' },
    });
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
    if (!orphaned && !this.isFree(task)) return undefined;
    return this.#change(task, {
      set: {
        ...(task.state === 'running' && { ...lostAttempt(task), state: 'queued', history: closedHistory(task) }),
        leaseOwner: null,
        leaseUntil: null,
        sends: task.sends + 1,
        dueAt: this.#iso(Math.min(messageLostMs * 2 ** Math.min(task.sends, 10), maxResendMs)),
      },
      ...sameVersion(task),
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

  /** Its next message is a new one. */
  #release(task: Task, set: Item, delayMs: number): Promise<Task> {
    const free = { state: 'queued', leaseOwner: null, leaseUntil: null, sends: task.sends + 1 };
    return this.#changeOwn(task, { ...free, ...set, dueAt: this.#iso(delayMs + messageLostMs) });
  }

  /** Nobody looks for it any more: it leaves the indexes of what is unfinished, and after a while the table. */
  #end(task: Task, set: Item): Promise<Task> {
    const goneAtS = Math.ceil((this.#clock() + endedKeptMs) / 1_000);
    const gone = { leaseOwner: null, leaseUntil: null, cancelRequested: false, goneAtS };
    return this.#changeOwn(task, { ...gone, ...set }, ['dueIn', 'dueAt', 'pendingOf']);
  }

  #ended(task: Task, outcome: AttemptOutcome, error: string | null): Item {
    const last = task.history.at(-1)!;
    const ended = { ...last, endedAt: this.#iso(), outcome, error: error?.slice(0, maxAttemptError) ?? null };
    return { history: [...task.history.slice(0, -1), ended], workedMs: this.#workedMs(task) };
  }

  #uncounted(task: Task): Item {
    return { history: task.history.slice(0, -1), attempts: task.attempts - 1, workedMs: this.#workedMs(task) };
  }

  #workedMs({ workedMs, history }: Task): number {
    return workedMs + Math.max(0, this.#clock() - Date.parse(history.at(-1)!.startedAt));
  }

  /** A change by the worker that holds the lease. The number of the claim tells it from an earlier one of the same worker. */
  async #changeOwn(task: Task, set: Item, remove: readonly string[] = []): Promise<Task> {
    const changed = await this.#change(task, {
      set,
      remove,
      condition: 'leaseOwner = :owner AND claims = :claim',
      values: { ':owner': task.leaseOwner, ':claim': task.claims },
    });
    if (!changed) throw new LeaseLost(`task ${task.id} is no longer held by ${task.leaseOwner}`);
    return changed;
  }

  #change({ id }: Task, change: TaskChange): Promise<Task | undefined> {
    return changeTask(this.#dynamo, id, change, this.#clock());
  }

  #iso(fromNowMs = 0): string {
    return new Date(this.#clock() + fromNowMs).toISOString();
  }
}

export function sameVersion({ version }: Task): Pick<TaskChange, 'condition' | 'values'> {
  return { condition: '#version = :version', values: { ':version': version } };
}

/** Its worker ended without a word: what it had as its time ends with its lease. */
function lostAttempt({ history, leaseUntil, workedMs }: Task): Item {
  const startedAt = history.at(-1)?.startedAt;
  if (startedAt === undefined || leaseUntil === null) return {};
  return { workedMs: workedMs + Math.max(0, Date.parse(leaseUntil) - Date.parse(startedAt)) };
}

function closedHistory({ history, leaseUntil }: Task): readonly TaskAttempt[] {
  const last = history.at(-1);
  if (!last || last.endedAt !== null) return history;
  return [...history.slice(0, -1), { ...last, endedAt: leaseUntil, outcome: 'lost', error: 'its worker ended' }];
}
