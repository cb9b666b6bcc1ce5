// A task as it stands in DynamoDB.

import { randomUUID } from 'node:crypto';
import { tables } from '../base/names.ts';
import { continueTrace, currentTraceparent } from '../base/trace.ts';
import type { Actor } from './audit.ts';
import { ConditionFailed, type Dynamo, type Item, type TransactionItem, updateItem } from './dynamo.ts';
import type { Database, Task, TaskKind } from './records.ts';

/** A queued task that nobody claimed for so long may have lost its message. */
export const messageLostMs = 10_000;
/** A task that has ended can be looked at for so long. */
export const endedKeptMs = 90 * 24 * 3_600_000;
/** Of what a task keeps as JSON. */
export const maxCheckpointBytes = 65_536;
const maxErrorLength = 2_000;

/** The account of tasks that are about the service itself. */
export const serviceAccountId = 'service';

/** Without a name and an id, it is about the whole account. */
export type TaskSubject = Pick<Database, 'accountId' | 'region'> & Partial<Pick<Database, 'name' | 'id'>>;

export interface NewTask {
  readonly kind: TaskKind;
  readonly subject: TaskSubject;
  /** JSON. */
  readonly params?: unknown;
  readonly requestedBy: Actor;
  /** Of a task that must be made once, however often somebody tries. */
  readonly id?: string;
}

export function newTask({ kind, subject, params = {}, requestedBy, id }: NewTask, nowMs: number): Task {
  const now = new Date(nowMs).toISOString();
  return {
    id: id ?? randomUUID(),
    accountId: subject.accountId,
    region: subject.region,
    kind,
    state: 'queued',
    databaseName: subject.name ?? null,
    databaseId: subject.id ?? null,
    params,
    requestedBy,
    traceparent: currentTraceparent() ?? continueTrace(undefined),
    result: null,
    checkpoint: null,
    progress: null,
    attempts: 0,
    history: [],
    error: null,
    waits: null,
    cancelRequested: false,
    cleanUps: null,
    startedAt: null,
    workedMs: 0,
    sends: 0,
    claims: 0,
    leaseOwner: null,
    leaseUntil: null,
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
        ...jsonMembers({ ...task }),
        dueIn: task.region,
        dueAt: new Date(Date.parse(task.createdAt) + delayMs).toISOString(),
        pendingOf: task.accountId,
      },
      ConditionExpression: 'attribute_not_exists(id)',
    },
  };
}

/** Kept as text: DynamoDB knows neither an order of keys nor more than 32 levels. */
const asText = ['params', 'result', 'checkpoint'] as const;

function jsonMembers(members: Item): Item {
  return Object.fromEntries(
    asText.filter((name) => name in members).map((name) => [name, JSON.stringify(members[name])]),
  );
}

/** What the indexes and the end of the item need stays here. */
export function toTask({
  dueIn: _dueIn,
  dueAt: _dueAt,
  goneAtS: _goneAtS,
  pendingOf: _pendingOf,
  ...item
}: Item): Task {
  const texts = asText.map((name) => [name, JSON.parse((item[name] as string | undefined) ?? 'null') as unknown]);
  const { progress, ...task } = { traceparent: null, ...item, ...Object.fromEntries(texts) } as unknown as Task;
  if (!progress) return { ...task, progress: null };
  const { done, total, unit, ratePerS, etaS } = progress;
  return { ...task, progress: { done, total, unit, ratePerS, etaS } };
}

export interface TaskChange {
  readonly set: Item;
  readonly remove?: readonly string[];
  readonly condition: string;
  readonly values: Item;
}

/** Undefined when the condition does not hold. */
export async function changeTask(
  dynamo: Dynamo,
  id: string,
  change: TaskChange,
  nowMs: number,
): Promise<Task | undefined> {
  try {
    return toTask(await updateItem(dynamo, taskUpdate(id, change, nowMs)));
  } catch (error) {
    if (error instanceof ConditionFailed) return undefined;
    throw error;
  }
}

/** Every change counts the version on. */
export function taskUpdate(id: string, { set, remove = [], condition, values }: TaskChange, nowMs: number) {
  const assigned: Item = { ...set, ...jsonMembers(set), updatedAt: new Date(nowMs).toISOString() };
  if (typeof assigned['error'] === 'string') assigned['error'] = assigned['error'].slice(0, maxErrorLength);
  const clauses = Object.keys(assigned).map((name) => `#${name} = :set_${name}`);
  const removed = remove.length > 0 ? ` REMOVE ${remove.map((name) => `#${name}`).join(', ')}` : '';
  const names = [...Object.keys(assigned), ...remove, 'version', 'state'];
  return {
    TableName: tables.tasks,
    Key: { id },
    UpdateExpression: `SET ${clauses.join(', ')}${removed} ADD #version :one`,
    ConditionExpression: condition,
    ExpressionAttributeNames: Object.fromEntries(names.filter((name) => used(name)).map((name) => [`#${name}`, name])),
    ExpressionAttributeValues: {
      ...Object.fromEntries(Object.entries(assigned).map(([name, value]) => [`:set_${name}`, value])),
      ...values,
      ':one': 1,
    },
  };

  /** DynamoDB refuses a name that no expression has. */
  function used(name: string): boolean {
    return name !== 'state' || 'state' in assigned || condition.includes('#state');
  }
}
