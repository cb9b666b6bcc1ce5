// Writes what waits for a database, oldest first, several requests in one insert. Each request has its own outcome; batch ids make it harmless to begin
// anew anywhere.

import { fromEngine } from '../../src/api/engine-call.ts';
import type { SeriesFollower } from '../../src/api/series-follower.ts';
import { defineMissing } from '../../src/api/strict-series.ts';
import { ApiError } from '../../src/base/errors.ts';
import type { Log } from '../../src/base/log.ts';
import type { ObjectStore } from '../../src/base/object-store.ts';
import { continueTrace, inTrace } from '../../src/base/trace.ts';
import { insertGood } from '../../src/ingest/insertion.ts';
import type { DeadOutcome, RequestOutcome } from '../../src/ingest/outcome.ts';
import { BatchDamaged, type BatchOwner, batchOf, type StoredRequest } from '../../src/ingest/stored-batch.ts';
import type { EngineClient } from '../../src/kdb/client.ts';
import type { InsertBatch, InsertReceipt } from '../../src/kdb/engine.ts';
import { ConnectionLost, EngineError, type EngineErrorCode } from '../../src/kdb/engine-error.ts';
import type { Engines } from '../../src/kdb/engines.ts';
import type { Management } from '../../src/management/index.ts';
import type { Database } from '../../src/management/records.ts';
import type { UsageMeter } from '../../src/management/usage-meter.ts';
import { finish, finishOldest, type PendingBatch, readPending } from './pending.ts';

/** Of one insert. */
const insertLimits = { batches: 64, bytes: 8 * 1024 * 1024 };
/** Between attempts while the database does not take it: first, and most. */
const backOffMs = { first: 500, most: 30_000 };
/** What fails in a way that nobody knows is given up after so many attempts. */
const maxUnknownFailures = 10;

/** They pass. */
const passing: readonly EngineErrorCode[] = [
  ...(['EngineBusy', 'DatabaseHeld', 'StorageFull', 'StorageFailed', 'StorageDamaged'] as const),
  ...(['DeadlineExceeded', 'Cancelled'] as const),
];

export interface QueuedWriterOptions {
  readonly objects: ObjectStore;
  readonly engines: Pick<Engines, 'client'>;
  readonly management: Pick<Management, 'databases' | 'series'>;
  readonly follower: Pick<SeriesFollower, 'version' | 'saw'>;
  readonly meter: Pick<UsageMeter, 'addPoints'>;
  readonly region: string;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
  /** What nobody can apply, with the reason. */
  readonly deadLetter: (databaseId: string, name: string, reason: string) => Promise<void>;
  readonly log: Log;
}

/** The database does not take it now. */
class NotNow extends Error {}

type Answer = InsertReceipt | EngineError;

export class QueuedWriter {
  readonly #options: QueuedWriterOptions;
  /** Databases in hand, and how often in a row they did not take anything. */
  readonly #busy = new Set<string>();
  readonly #failures = new Map<string, number>();
  readonly written = { applied: 0, refused: 0, dead: 0, points: 0, late: 0 };

  constructor(options: QueuedWriterOptions) {
    this.#options = options;
  }

  /** Undefined: nothing waits any longer. Else after how long somebody should come again. */
  async write(databaseId: string, stopped: AbortSignal): Promise<number | undefined> {
    if (this.#busy.has(databaseId)) return backOffMs.first;
    this.#busy.add(databaseId);
    try {
      await finishOldest(this.#options.objects, databaseId);
      for (;;) {
        const pending = await readPending(this.#options.objects, databaseId, insertLimits);
        if (pending.length === 0) break;
        if (stopped.aborted) return 0;
        await this.#writeAll(databaseId, pending);
        this.#failures.delete(databaseId);
      }
      return undefined;
    } catch (error) {
      const failures = (this.#failures.get(databaseId) ?? 0) + 1;
      this.#failures.set(databaseId, failures);
      if (failures === 1) this.#options.log.warn('queued writes wait', { database: databaseId, error });
      return Math.min(backOffMs.most, backOffMs.first * 2 ** (failures - 1));
    } finally {
      this.#busy.delete(databaseId);
    }
  }

  async #writeAll(databaseId: string, pending: readonly PendingBatch[]): Promise<void> {
    const readable = pending.filter(({ stored }) => !(stored instanceof BatchDamaged));
    const owner = readable[0] && (readable[0].stored as { database: BatchOwner }).database;
    const database = owner && (await this.#find(owner));
    const requests = readable.flatMap(({ stored }) => (stored as { requests: readonly StoredRequest[] }).requests);
    // One insert is of several requests: what it calls is the oldest one's.
    const outcomes =
      database && requests[0]
        ? await inTrace(continueTrace(requests[0].traceparent), {}, () => this.#insert(database, requests))
        : [];
    let from = 0;
    for (const { name, stored } of pending) {
      if (stored instanceof BatchDamaged) {
        await this.#end(databaseId, name, { state: 'dead', reason: stored.message });
      } else if (!database) {
        await this.#end(databaseId, name, { state: 'dead', reason: 'the database is gone' });
      } else {
        const own = outcomes.slice(from, from + stored.requests.length);
        from += stored.requests.length;
        const open = own.find((outcome) => outcome instanceof Error);
        // Those behind it would overtake it.
        if (open) throw open;
        this.#logEnd(database.id, name, stored.requests, own as RequestOutcome[]);
        await this.#end(databaseId, name, own as RequestOutcome[]);
      }
    }
  }

  async #end(databaseId: string, name: string, requests: readonly RequestOutcome[] | DeadOutcome): Promise<void> {
    const { objects, clock } = this.#options;
    await finish(objects, databaseId, name, { at: new Date(clock()).toISOString(), requests });
    for (const outcome of 'state' in requests ? [requests] : requests) {
      this.written[outcome.state] += 1;
      if (outcome.state === 'dead') await this.#options.deadLetter(databaseId, name, outcome.reason);
      if (outcome.state === 'dead') continue;
      this.written.points += outcome.accepted;
      if (outcome.state === 'applied') this.written.late += outcome.late;
    }
  }

  /** Each in its own trace. */
  #logEnd(
    database: string,
    batch: string,
    requests: readonly StoredRequest[],
    outcomes: readonly RequestOutcome[],
  ): void {
    const { log } = this.#options;
    if (!log.isLevelEnabled('debug')) return;
    for (const [i, { traceparent }] of requests.entries()) {
      const line = { database, batch, request: i, state: outcomes[i]!.state };
      inTrace(continueTrace(traceparent), {}, () => log.debug('queued write', line));
    }
  }

  /** Undefined: there is none any more. */
  async #find({ id, accountId, name }: BatchOwner): Promise<Database | undefined> {
    const { databases } = this.#options.management;
    let database = await databases.getDatabase(accountId, name);
    // One of that name may have come after it.
    if (database?.id !== id) database = await databases.getDatabase(accountId, name, { fresh: true });
    if (database?.id !== id || database.status === 'deleting') return undefined;
    const { status, endpoint, region } = database;
    if (status !== 'active' || endpoint === null) throw new NotNow(`the database is ${status}`);
    if (region !== this.#options.region) throw new NotNow(`the database is in ${region}`);
    return database;
  }

  /** An outcome for each; an error for one that is to be tried again, with all behind it. */
  async #insert(database: Database, requests: readonly StoredRequest[]): Promise<(RequestOutcome | Error)[]> {
    const { engines, follower, meter } = this.#options;
    const engine = engines.client(database);
    const before = follower.version(database);
    const answers = await this.#send(database, engine, requests);
    const outcomes: (RequestOutcome | Error)[] = [];
    for (const [i, answer] of answers.entries()) {
      const request = requests[i]!;
      if (answer instanceof EngineError) {
        outcomes.push(await this.#refused(database, engine, request, answer));
        continue;
      }
      outcomes.push(applied(request, request.points, answer));
      meter.addPoints(database, Number(answer.rows));
      if (database.schema === 'flexible') follower.saw(database, before, answer, () => seriesOf(request));
    }
    return outcomes;
  }

  /** A message that the engine refuses as a whole is sent again in pieces, so that one bad request does not stand for all. */
  async #send(database: Database, engine: EngineClient, requests: readonly StoredRequest[]): Promise<Answer[]> {
    try {
      return [...(await engine.insertAll(requests.map(({ frame }) => frame)))];
    } catch (error) {
      if (error instanceof ConnectionLost) await this.#refresh(database);
      if (!(error instanceof EngineError) || passing.includes(error.code)) {
        if (error instanceof EngineError && error.code === 'DatabaseHeld') await this.#refresh(database);
        throw error;
      }
      if (requests.length === 1) return [error];
      const answers: Answer[] = [];
      for (const request of requests) answers.push(...(await this.#send(database, engine, [request])));
      return answers;
    }
  }

  /** It may have moved. */
  async #refresh({ accountId, name }: Database): Promise<void> {
    await this.#options.management.databases.getDatabase(accountId, name, { fresh: true }).catch(() => undefined);
  }

  async #refused(
    database: Database,
    engine: EngineClient,
    request: StoredRequest,
    refusal: EngineError,
  ): Promise<RequestOutcome | Error> {
    if (passing.includes(refusal.code)) return refusal;
    if (refusal.code === 'BadCall') return { state: 'dead', reason: refusal.message };
    if (refusal.code === 'InternalError') return this.#unknown(database, refusal);
    const { insert, batch } = batchOf(request);
    try {
      let first: EngineError | undefined = refusal;
      const result = await insertGood(batch, request.isPartial, async (parts) => {
        // It has just been sent.
        const known = first;
        first = undefined;
        if (known && !(await this.#define(database, engine, { ...insert, parts }, known))) throw known;
        return engine.insert({ ...insert, parts });
      });
      const { faults, faultCount } = result.batch;
      const counts = { rejected: faultCount, errors: faults };
      if (result.receipt) return { ...applied(request, result.batch.points, result.receipt), ...counts };
      return { state: 'refused', accepted: 0, ...counts, ...told(database, refusal) };
    } catch (error) {
      if (!(error instanceof EngineError) || passing.includes(error.code)) return error as Error;
      return { state: 'refused', accepted: 0, rejected: request.points, errors: [], ...told(database, error) };
    }
  }

  async #define(
    database: Database,
    engine: EngineClient,
    { parts }: InsertBatch,
    refusal: EngineError,
  ): Promise<boolean> {
    const { series } = this.#options.management;
    if (database.schema === 'flexible') return false;
    return defineMissing(series, database, parts, refusal, (definition) => engine.define(definition));
  }

  #unknown({ id }: Database, error: EngineError): RequestOutcome | Error {
    if ((this.#failures.get(id) ?? 0) < maxUnknownFailures) return error;
    return { state: 'dead', reason: error.message };
  }
}

function seriesOf(request: StoredRequest): string[] {
  return batchOf(request).batch.parts.map(({ series }) => series);
}

function applied({ lagS }: StoredRequest, points: number, { rows, late }: InsertReceipt): RequestOutcome {
  const repeated = rows === 0n && points > 0;
  return {
    ...{ state: 'applied', accepted: points, rejected: 0, errors: [], late: Number(late), lagS },
    ...(repeated && { repeated }),
  };
}

function told({ name }: Database, refusal: EngineError): { code: string; message: string } {
  const error = fromEngine(name, refusal);
  return error instanceof ApiError
    ? { code: error.code, message: error.message }
    : { code: refusal.code, message: refusal.message };
}
