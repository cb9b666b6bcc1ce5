// The one place where the database changes: requests wait here, are checked, journalled and synced as a group, applied, answered.
import type { InsertBatch, InsertReceipt, SeriesDefinition } from '../../src/kdb/engine.ts';
import { EngineError } from '../../src/kdb/engine-error.ts';
import { type Catalogue, Stage } from './memory/catalogue.ts';
import { type InsertPlan, planInsert } from './memory/insert-plan.ts';
import type { AppliedBatches } from './storage/applied-batches.ts';
import type { Entry, Journal } from './storage/journal.ts';
import { acceptedBatches, type JournalRecord } from './storage/journal-record.ts';
import type { Position } from './storage/journal-scan.ts';

/** A group is closed at this size: 1 MB syncs in about a millisecond, so more would only make the first wait. */
const maxGroupBytes = 1 << 20;

interface InsertJob {
  readonly kind: 'insert';
  readonly batches: readonly InsertBatch[];
  readonly frame: Buffer;
  resolve(receipts: readonly (InsertReceipt | EngineError)[]): void;
}

interface DefineJob {
  readonly kind: 'define';
  readonly definition: SeriesDefinition;
  resolve(): void;
  reject(error: unknown): void;
}

/** Runs alone, between groups. */
interface AloneJob {
  readonly kind: 'alone';
  run(): Promise<void>;
}

type Job = InsertJob | DefineJob | AloneJob;

interface Prepared {
  readonly entry: Entry | null;
  apply(position: Position): void;
  fail(error: unknown): void;
}

export class Writer {
  readonly #catalogue: Catalogue;
  readonly #journal: Journal;
  readonly #applied: AppliedBatches;
  /** Throws when no more may be taken in (EngineBusy, StorageFailed). */
  readonly #admit: () => void;
  #queue: Job[] = [];
  #running: Promise<void> | null = null;

  constructor(catalogue: Catalogue, journal: Journal, applied: AppliedBatches, admit: () => void) {
    this.#catalogue = catalogue;
    this.#journal = journal;
    this.#applied = applied;
    this.#admit = admit;
  }

  insert(batches: readonly InsertBatch[], frame: Buffer): Promise<readonly (InsertReceipt | EngineError)[]> {
    return new Promise((resolve) => this.#add({ kind: 'insert', batches, frame, resolve }));
  }

  define(definition: SeriesDefinition): Promise<void> {
    return new Promise((resolve, reject) => this.#add({ kind: 'define', definition, resolve, reject }));
  }

  /** Runs while no write is on its way: what was answered is applied, what comes later waits. */
  alone<T>(run: () => Promise<T> | T): Promise<T> {
    return new Promise((resolve, reject) =>
      this.#add({
        kind: 'alone',
        run: async () => {
          try {
            resolve(await run());
          } catch (error) {
            reject(error);
          }
        },
      }),
    );
  }

  /** One command as a record of its own; only from within `alone`. */
  async command(kind: 'drop', body: unknown): Promise<Position> {
    const [position] = await this.#journal.append([{ kind, body: [Buffer.from(JSON.stringify(body))] }]);
    return position!;
  }

  /** An insert or define found in the journal. */
  replay(record: JournalRecord): void {
    const stage = new Stage(this.#catalogue);
    if (record.kind === 'define') {
      stage.define(JSON.parse(record.body.toString('utf8')) as SeriesDefinition);
      stage.commit();
      return;
    }
    const plans = acceptedBatches(record).map((batch) => planInsert(batch, stage));
    stage.commit();
    for (const plan of plans) this.#applyPlan(plan);
  }

  #add(job: Job): void {
    this.#queue.push(job);
    this.#running ??= this.#run();
  }

  async #run(): Promise<void> {
    // Requests that arrive in the same turn of the event loop share a group.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#queue.length > 0) {
      const first = this.#queue[0]!;
      if (first.kind === 'alone') {
        this.#queue.shift();
        await first.run();
      } else await this.#writeGroup();
    }
    this.#running = null;
  }

  async #writeGroup(): Promise<void> {
    const stage = new Stage(this.#catalogue);
    const group: Prepared[] = [];
    const seen = new Set<string>();
    let bytes = 0;
    while (bytes < maxGroupBytes) {
      const job = this.#queue[0];
      if (!job || job.kind === 'alone') break;
      this.#queue.shift();
      const prepared = job.kind === 'insert' ? this.#prepareInsert(job, stage, seen) : this.#prepareDefine(job, stage);
      if (!prepared) continue;
      group.push(prepared);
      bytes += prepared.entry?.body.reduce((sum, part) => sum + part.length, 0) ?? 0;
    }
    const entries = group.flatMap(({ entry }) => entry ?? []);
    try {
      const positions = entries.length > 0 ? await this.#journal.append(entries) : [];
      stage.commit();
      let next = 0;
      for (const { entry, apply } of group) apply(entry ? positions[next++]! : this.#journal.position);
    } catch (error) {
      stage.rollback(0);
      for (const { fail } of group) fail(error);
    }
  }

  /** Checks the requests of a message, each on its own. Null when none is to be written and all are answered. */
  #prepareInsert(job: InsertJob, stage: Stage, seen: Set<string>): Prepared | null {
    const { batches, frame } = job;
    const accepted = Buffer.alloc(4 + batches.length);
    accepted.writeUInt32LE(batches.length, 0);
    const outcomes = batches.map((batch, i): InsertPlan | EngineError | 'repeated' => {
      const name = Buffer.from(batch.batchId).toString('latin1');
      if (seen.has(name) || this.#applied.has(batch.batchId)) return 'repeated';
      const mark = stage.mark();
      try {
        this.#admit();
        const plan = planInsert(batch, stage);
        seen.add(name);
        accepted[4 + i] = 1;
        return plan;
      } catch (error) {
        stage.rollback(mark);
        if (error instanceof EngineError) return error;
        throw error;
      }
    });
    const answer = (position: Position, late: (plan: InsertPlan) => number) => {
      job.resolve(
        outcomes.map((outcome) => {
          if (outcome instanceof EngineError) return outcome;
          const rows = outcome === 'repeated' ? 0n : BigInt(outcome.rows);
          const lateRows = outcome === 'repeated' ? 0n : BigInt(late(outcome));
          return {
            rows,
            late: lateRows,
            catalogueVersion: this.#catalogue.version,
            generation: BigInt(position.generation),
            offset: BigInt(position.offset),
          };
        }),
      );
    };
    if (!accepted.includes(1, 4)) {
      // A repeated request may repeat one of this very group: it is answered with the group, when that is on disk.
      return {
        entry: null,
        apply: (position) => answer(position, () => 0),
        fail: (error) =>
          job.resolve(outcomes.map((outcome) => (outcome instanceof EngineError ? outcome : asEngineError(error)))),
      };
    }
    return {
      entry: { kind: 'insert', body: [accepted, frame] },
      apply: (position) => answer(position, (plan) => this.#applyPlan(plan)),
      fail: (error) =>
        job.resolve(outcomes.map((outcome) => (outcome instanceof EngineError ? outcome : asEngineError(error)))),
    };
  }

  #prepareDefine(job: DefineJob, stage: Stage): Prepared | null {
    const mark = stage.mark();
    try {
      stage.define(job.definition);
    } catch (error) {
      stage.rollback(mark);
      job.reject(error);
      return null;
    }
    const changed = stage.mark() > mark;
    return {
      entry: changed ? { kind: 'define', body: [Buffer.from(JSON.stringify(job.definition))] } : null,
      apply: () => job.resolve(),
      fail: (error) => job.reject(error),
    };
  }

  #applyPlan(plan: InsertPlan): number {
    let late = 0;
    for (const part of plan.parts) late += this.#catalogue.get(part.series).apply(part);
    this.#applied.add(plan.batchId);
    return late;
  }
}

function asEngineError(error: unknown): EngineError {
  return error instanceof EngineError ? error : new EngineError('InternalError', (error as Error).message);
}
