// A preload for a worker: each task that TSG_TEST_STOPS names (JSON: id → a number) changes the world so many times and then stands still,
// as does whatever it would do next. With the name of a change instead, it stands still after the first of that name until it is to go on.
// What has stopped is told to the parent, which kills the worker then. Waits for other tasks are cut short.

import { AsyncLocalStorage } from 'node:async_hooks';
import { once } from 'node:events';
import { syncBuiltinESMExports } from 'node:module';
import timers from 'node:timers/promises';
import { SQSClient } from '@aws-sdk/client-sqs';
import { tables } from '../../../src/base/names.ts';
import { DirectoryStore } from '../../../src/base/objects/directory.ts';
import { EngineClient } from '../../../src/kdb/client.ts';
import { AgentClient } from '../../../workers/agent-client.ts';
import { kinds } from '../../../workers/kinds/index.ts';
import { type Kind, Postponed, type TaskRun } from '../../../workers/kinds/kind.ts';

/** Of the sweeper. */
const sweepEveryMs = 3_000;
const sweepHereMs = 300;
/** Until another task has ended. */
const shortWaitMs = 5_000;

const stops: Record<string, number | string> = JSON.parse(process.env['TSG_TEST_STOPS']!);
const changes = new Map<string, number>();
const running = new AsyncLocalStorage<string>();

const isEnd: ReadonlySet<unknown> = new Set(['succeeded', 'failed']);

type Method = (...given: unknown[]) => Promise<unknown>;

function hasStopped(task: string | undefined): task is string {
  return task !== undefined && task in stops && (changes.get(task) ?? 0) >= Number(stops[task]);
}

function standStill(): Promise<never> {
  return new Promise(() => {});
}

async function change<T>(task: string | undefined, what: string, act: () => Promise<T>): Promise<T> {
  if (hasStopped(task)) return standStill();
  const result = await act();
  if (task === undefined || !(task in stops)) return result;
  changes.set(task, (changes.get(task) ?? 0) + 1);
  if (stops[task] === what) {
    delete stops[task];
    process.send!({ task, after: what });
    await once(process, 'message');
    return result;
  }
  if (!hasStopped(task)) return result;
  process.send!({ task, after: what });
  return standStill();
}

function countChanges(prototype: object, names: readonly string[]): void {
  const methods = prototype as Record<string, Method>;
  for (const name of names) {
    const method = methods[name]!;
    methods[name] = function (this: unknown, ...given) {
      return change(running.getStore(), name, () => method.apply(this, given));
    };
  }
}

countChanges(AgentClient.prototype, ['putDatabase', 'deleteDatabase', 'startDatabase', 'holdDatabase']);
countChanges(AgentClient.prototype, ['deleteBackup', 'putFile']);
countChanges(EngineClient.prototype, ['define', 'insert', 'retain', 'compact', 'checkpoint', 'backup']);
countChanges(DirectoryStore.prototype, ['put', 'remove', 'finishUpload', 'putPart', 'startUpload']);

interface Command {
  readonly constructor: { readonly name: string };
  readonly input: {
    readonly TableName?: string;
    readonly Key?: { readonly id?: string };
    readonly ExpressionAttributeValues?: Readonly<Record<string, unknown>>;
    readonly MessageBody?: string;
  };
}

/** The end of a task is written outside of its kind's own work. */
function taskOf({ input }: Command): string | undefined {
  const { TableName, Key, ExpressionAttributeValues: values = {}, MessageBody } = input;
  // Written beside the work: for people, and when an event is published.
  if (':set_progress' in values || TableName === tables.outbox) return undefined;
  const inside = running.getStore();
  if (inside !== undefined) return inside;
  // Not where it goes back to the queue: this worker would take it again, and it would stand still in every lane.
  if (isEnd.has(values[':set_state'])) return Key?.id;
  return Object.keys(stops).find((id) => MessageBody === JSON.stringify({ taskId: id }));
}

/** Of every client of AWS. */
const clients = Object.getPrototypeOf(SQSClient.prototype) as { send: Method };
const { send } = clients;
clients.send = function (this: unknown, ...given) {
  const command = given[0] as Command;
  const act = (): Promise<unknown> => send.apply(this, given);
  const { name } = command.constructor;
  const isChange = /^(Put|Update|Delete|TransactWrite|SendMessage|SendMessageBatch)Command$/.test(name);
  return isChange ? change(taskOf(command), name, act) : act();
};

for (const kind of Object.values(kinds) as (Kind & { run: Kind['run']; giveUp: Kind['giveUp'] })[]) {
  const { run, giveUp } = kind;
  kind.run = (work) => within(work, () => run.call(kind, work));
  kind.giveUp = (work) => within(work, () => giveUp.call(kind, work));
}

async function within<T>({ task: { id } }: TaskRun, work: () => Promise<T>): Promise<T> {
  if (stops[id] === 0) {
    process.send!({ task: id, after: 'the claim' });
    return standStill();
  }
  try {
    return await running.run(id, work);
  } catch (error) {
    if (hasStopped(id)) return standStill();
    const isShort = error instanceof Postponed && error.untilMs < Date.now() + shortWaitMs;
    throw isShort ? new Postponed(Date.now(), error.message) : error;
  }
}

const wait = timers.setTimeout;
timers.setTimeout = ((delayMs: number, ...rest: []) =>
  wait(delayMs === sweepEveryMs ? sweepHereMs : delayMs, ...rest)) as typeof wait;
syncBuiltinESMExports();
