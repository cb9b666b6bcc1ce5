// Everything at once that is known of one database, for whoever wonders why it does not do what it should.

import { ApiError, apiError } from '../base/errors.ts';
import { batchPrefixes, batchTimeMs, placeOf } from '../ingest/batch-name.ts';
import { generationOfKey, journalPrefix } from '../management/shipped-journal.ts';
import { access, findDatabase, requireHere } from './access.ts';
import { chosenAccount } from './chosen-account.ts';
import { shownDatabase } from './databases.ts';
import { engineCall } from './engine-call.ts';
import { replyJson } from './reply.ts';
import { readParameters, singleId } from './schema.ts';
import type { Context, Step } from './step.ts';

/** A part that takes longer is left out: one that hangs must not hide the others. */
const answerMs = 2_000;
const shownTasks = 10;
const shownBatches = 1_000;

export const diagnostics: Step[] = [
  ...access('read'),
  readParameters({ type: 'object', additionalProperties: false, properties: { account: singleId } }),
  findChosenDatabase,
  requireHere,
  async function diagnose(context: Context): Promise<void> {
    const [host, engine, storage, backup, shippedJournal, queued, tasks] = await Promise.all(
      [hostOf, engineOf, storageOf, backupOf, shippedJournalOf, queuedOf, tasksOf].map((part) =>
        answered(context, part),
      ),
    );
    replyJson(context, 200, {
      database: shownDatabase(context, context.database!),
      host,
      engine,
      storage,
      backup,
      shippedJournal,
      queued,
      connections: connectionsOf(context),
      tasks,
    });
  },
];

/** Of the caller's own account, or of the one that an operator asks for. */
async function findChosenDatabase(context: Context): Promise<void> {
  const accountId = chosenAccount(context, context.parameters!['account'] as string | undefined);
  if (accountId === context.token!.accountId) return findDatabase(context);
  const name = context.params['database']!;
  const database = await context.services.management.databases.getDatabase(accountId, name);
  if (!database) throw apiError('DatabaseNotFound', { database: name });
  context.database = database;
}

type Part = (context: Context, signal: AbortSignal) => Promise<unknown>;

/** What the part gives, or why it does not. */
async function answered(context: Context, part: Part): Promise<unknown> {
  const late = new AbortController();
  const { promise: never, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    late.abort();
    reject(new NoAnswer());
  }, answerMs);
  try {
    return await Promise.race([part(context, late.signal), never]);
  } catch (error) {
    return { unavailable: reasonOf(error, context.token!.operator) };
  } finally {
    clearTimeout(timer);
  }
}

class NoAnswer extends Error {}

/** Errors of clients name addresses: those are the operator's to see. */
function reasonOf(error: unknown, toOperator: boolean): string {
  if (error instanceof NoAnswer) return `no answer within ${answerMs / 1_000} s`;
  const isOurs = error instanceof ApiError && error.code !== 'InternalError';
  const said = isOurs ? error.message : 'a part of the service does not answer';
  const cause = isOurs ? error.cause : error;
  return toOperator && cause instanceof Error ? `${said} (${cause.message})` : said;
}

async function hostOf({ services, database, token }: Context): Promise<object | null> {
  const { hostId, endpoint, move } = database!;
  if (hostId === null) return null;
  if (!token!.operator) return { id: hostId };
  const host = await services.management.hosts.getHost(hostId);
  if (!host) return { id: hostId, endpoint, fault: 'it is not registered' };
  const { zone, agent, epoch, heartbeatAt, cordoned = false, health } = host;
  const figures = { load: health?.load ?? null, fault: health?.fault ?? null };
  return { id: hostId, zone, endpoint, agent, epoch, heartbeatAt, cordoned, ...figures, move };
}

async function engineOf(context: Context): Promise<object> {
  requireProcess(context);
  const hello = await engineCall(context, (engine) => engine.hello());
  return { ...hello, catalogueVersion: Number(hello.catalogueVersion), maxTagSets: Number(hello.maxTagSets) };
}

async function storageOf(context: Context): Promise<object> {
  requireProcess(context);
  const stats = await engineCall(context, (engine) => engine.stats());
  const { bytesPerVolume, parts, hotRows, lateRows, journalBytes, journalEnd, checkpointNs } = stats;
  return {
    bytesPerVolume: Array.from(bytesPerVolume, Number),
    parts: Number(parts),
    hotRows: Number(hotRows),
    lateRows: Number(lateRows),
    journal: {
      bytes: Number(journalBytes),
      ...(journalEnd && { generation: Number(journalEnd.generation), offset: Number(journalEnd.offset) }),
    },
    checkpointAt: checkpointNs === null ? null : new Date(Number(checkpointNs / 1_000_000n)).toISOString(),
  };
}

function requireProcess({ database }: Context): void {
  const { name, status, endpoint } = database!;
  if (endpoint === null) throw apiError('DatabaseNotReady', { database: name, status });
}

async function backupOf({ services, database }: Context): Promise<object | null> {
  const last = await services.management.backups.lastComplete(database!.id);
  if (!last) return null;
  const { id, reason, takenAt, completedAt, bytes, journal } = last;
  return { id, reason, takenAt, completedAt, bytes, journalGeneration: journal?.generation ?? null };
}

/** The newest file of the journal that is in the object store. */
async function shippedJournalOf({ services, database }: Context, signal: AbortSignal): Promise<object | null> {
  let newest: { generation: number; bytes: number; at: Date } | null = null;
  for await (const { key, bytes, at } of services.objects.list(journalPrefix(database!.id))) {
    if (signal.aborted) break;
    const generation = generationOfKey(key);
    if (generation !== null && (newest === null || at >= newest.at)) newest = { generation, bytes, at };
  }
  return newest;
}

/** Batches that wait; of many the first. */
async function queuedOf({ services, database }: Context, signal: AbortSignal): Promise<object> {
  let batches = 0;
  let oldestMs: number | null = null;
  for await (const { key } of services.objects.list(`${batchPrefixes.queued}${database!.id}/`)) {
    const place = placeOf(key);
    if (!place) continue;
    batches += 1;
    oldestMs ??= batchTimeMs(place.name);
    if (signal.aborted || batches === shownBatches) break;
  }
  const oldestAgeS = oldestMs === null ? null : Math.max(0, Date.now() - oldestMs) / 1_000;
  return { batches, isMore: batches === shownBatches, oldestAgeS };
}

async function tasksOf({ services, database }: Context): Promise<object[]> {
  const { accountId, id: databaseId, name } = database!;
  const { tasks } = await services.management.tasks.listTasks({ accountId, database: name, limit: shownTasks });
  return tasks
    .filter((task) => task.databaseId === databaseId)
    .map(({ id, kind, state, attempts, progress, waits, error, createdAt, updatedAt }) => ({
      ...{ id, kind, state, attempts, progress, waits, error, createdAt, updatedAt },
    }));
}

/** Of this process alone; the next request may be answered by another. */
function connectionsOf({ services, database }: Context): object | null {
  return database!.endpoint === null ? null : services.engines.client(database!).lanes;
}
