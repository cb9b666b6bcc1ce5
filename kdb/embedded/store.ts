import type { Log } from '../../src/base/log.ts';
import { insert as insertCodec } from '../../src/kdb/calls/insert.ts';
import { requestFrame } from '../../src/kdb/calls/request.ts';
import { contractVersion } from '../../src/kdb/contract.ts';
import type {
  AsofSpec,
  BackupFile,
  Compaction,
  DeleteSpec,
  Engine,
  Explanation,
  Hello,
  InsertBatch,
  InsertReceipt,
  LatestSpec,
  QueryResult,
  QuerySpec,
  SchemaMode,
  SeriesDefinition,
  SeriesInfo,
  SeriesPage,
  SeriesPageSpec,
  Stats,
  TagValues,
  TailResult,
  TailSpec,
} from '../../src/kdb/engine.ts';
import { EngineError } from '../../src/kdb/engine-error.ts';
import type { Recovery } from '../../src/management/host-agent.ts';
import type { DatabaseConfig } from '../database-config.ts';
import { Catalogue } from './memory/catalogue.ts';
import type { SeriesStore } from './memory/series-store.ts';
import { Pace } from './pace.ts';
import { aggregate } from './query/aggregate.ts';
import { asofPoints } from './query/asof.ts';
import { fieldsOfSelect } from './query/cells/of-select.ts';
import { fieldsNamed, filterFields } from './query/filter.ts';
import { latestPoints } from './query/latest-points.ts';
import { rawPoints } from './query/raw.ts';
import { Readers } from './query/readers.ts';
import { Source, spanOf, spanOfPart, spanWithin } from './query/source.ts';
import { AppliedBatches } from './storage/applied-batches.ts';
import { type Checksums, writeBackup } from './storage/backup.ts';
import type { FileLayer } from './storage/files.ts';
import { Journal } from './storage/journal.ts';
import type { JournalRecord } from './storage/journal-record.ts';
import type { ReplayReport } from './storage/journal-scan.ts';
import { lockDirectories } from './storage/lock.ts';
import { ReadCost } from './storage/read-cost.ts';
import { SliceCache } from './storage/slice-cache.ts';
import { restoreState } from './storage/state.ts';
import { Storage } from './storage/storage.ts';
import { readTail } from './storage/tail.ts';
import { PointDeletion, Retention } from './upkeep/deletion.ts';
import { recoverUntil, revokedBy } from './upkeep/point-in-time.ts';
import { Upkeep } from './upkeep/upkeep.ts';
import type { FrameSink } from './wire/answers.ts';
import { Writer } from './writer.ts';

/** Null: as many as the engine takes. */
export interface StoreLimits {
  readonly maxTagSets?: number | null;
  readonly maxSeries?: number | null;
}

export interface StoreOptions extends StoreLimits {
  readonly held?: boolean;
  /** The volumes hold the files of a backup. */
  readonly restore?: DatabaseConfig['restore'];
  /** Files of the journal are kept for shipping when they are complete. */
  readonly ships?: boolean;
  /** What a sync of the journal took. */
  readonly synced?: (durationS: number) => void;
  /** This database's directory on each of its volumes. */
  readonly volumes: readonly string[];
  readonly schema: SchemaMode;
  readonly budgetBytes?: number;
  readonly files: FileLayer;
  readonly log: Log;
  /** The date, in milliseconds since 1970. */
  readonly now?: () => number;
  /** A clock that nobody sets. */
  readonly elapsedMs?: () => number;
}

const defaultMaxTagSets = 1_000_000;
const defaultBudgetBytes = 512 << 20;
/** Decoded columns of parts may take this share of the budget. */
const cacheShare = 1 / 8;
/** Ids of batches, three million of them, may take this share. */
const batchIdShare = 1 / 8;
/** Replaying this many rows at the next start takes longer than writing them into parts now. */
const rowsWorthCheckpoint = 10_000;

/** One database, in this process. */
export class Store implements Engine, FrameSink {
  readonly #catalogue: Catalogue;
  readonly #journal: Journal;
  readonly #applied: AppliedBatches;
  readonly #writer: Writer;
  readonly #storage: Storage;
  readonly #cache: SliceCache;
  readonly #upkeep: Upkeep;
  readonly #readers = new Readers();
  readonly #volumes: number;
  readonly #lock: { release(): void };
  /** Deletions that the journal announces and that did not come to be. */
  readonly #revoked = new Set<number>();
  /** What a start from the files of a backup found. */
  recovered: Recovery | null = null;
  readonly #checksums: Checksums = new Map();
  /** No writes are taken. */
  #isHeld: boolean;

  private constructor(options: StoreOptions, storage: Storage, lock: { release(): void }) {
    const budgetBytes = options.budgetBytes ?? defaultBudgetBytes;
    this.#volumes = options.volumes.length;
    this.#lock = lock;
    this.#isHeld = options.held ?? false;
    this.#storage = storage;
    this.#cache = new SliceCache(budgetBytes * cacheShare);
    this.#catalogue = new Catalogue(options.schema, Number.POSITIVE_INFINITY);
    const { now = Date.now, elapsedMs = () => performance.now(), ships = false } = options;
    this.#journal = new Journal({ ...options, directories: options.volumes, now, elapsedMs, ships });
    this.#applied = new AppliedBatches(now, budgetBytes * batchIdShare, options.log);
    this.#writer = new Writer(this.#catalogue, this.#journal, this.#applied, () => {
      this.#refuseHeld();
      this.#upkeep.admit();
    });
    this.#upkeep = new Upkeep(
      {
        catalogue: this.#catalogue,
        journal: this.#journal,
        applied: this.#applied,
        writer: this.#writer,
        storage,
        revoked: this.#revoked,
        now,
      },
      {
        budgetBytes,
        log: options.log,
        elapsedMs,
        ships,
        heldBytes: () => this.#readers.heldBytes(this.#catalogue.all()),
      },
    );
  }

  /** Reads what is there; refuses a missing volume, damaged files, and a directory that another process uses. */
  static async open(options: StoreOptions): Promise<Store> {
    const { files, volumes, log } = options;
    for (const volume of volumes) {
      if (!(await files.isDirectory(volume)))
        throw new Error(`volume directory ${volume} is missing: mount the volume, or correct the configuration`);
    }
    const lock = lockDirectories(volumes);
    try {
      const store = new Store(options, await Storage.open(files, volumes, options.restore != null), lock);
      await store.#recover(log, options.restore ?? null);
      // What is there was let in under the limit of its time.
      store.limit(options);
      store.#upkeep.start();
      return store;
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  /** From the next insert on. */
  limit({ maxTagSets, maxSeries }: StoreLimits): void {
    this.#catalogue.maxTagSets = maxTagSets ?? defaultMaxTagSets;
    this.#catalogue.maxSeries = maxSeries ?? Number.POSITIVE_INFINITY;
  }

  /** When it resolves, what was taken in before is applied, and nothing else will be; or writes are taken again. */
  async hold(held: boolean): Promise<void> {
    this.#isHeld = held;
    if (held) await this.#upkeep.exclusively(() => this.#writer.alone(() => undefined));
  }

  async close(): Promise<void> {
    try {
      await this.#upkeep.stop();
      if (this.#hotRows() >= rowsWorthCheckpoint) await this.#upkeep.checkpoint().catch(() => undefined);
      await this.#writer.alone(() => this.#journal.close());
    } finally {
      this.#lock.release();
    }
  }

  async hello(): Promise<Hello> {
    return {
      contract: contractVersion,
      engine: 'embedded',
      schema: this.#catalogue.schema,
      catalogueVersion: this.#catalogue.version,
      maxTagSets: BigInt(this.#catalogue.maxTagSets),
    };
  }

  async define(definition: SeriesDefinition): Promise<SeriesInfo> {
    this.#refuseHeld();
    await this.#writer.define(definition);
    return this.describe(definition.series);
  }

  drop(series: string, catalogueVersion?: bigint): Promise<void> {
    return this.#writer.alone(async () => {
      this.#refuseHeld();
      this.#catalogue.get(series);
      const { version } = this.#catalogue;
      if (catalogueVersion !== undefined && catalogueVersion !== version)
        throw new EngineError('CatalogueChanged', String(version));
      await this.#writer.command('drop', { series });
      this.#catalogue.drop(series);
    });
  }

  async describe(name: string): Promise<SeriesInfo> {
    return this.#info(this.#catalogue.get(name));
  }

  async insert(batch: InsertBatch): Promise<InsertReceipt> {
    const [receipt] = await this.insertFrame([batch], requestFrame(insertCodec, batch));
    if (receipt instanceof EngineError) throw receipt;
    return receipt!;
  }

  insertFrame(batches: readonly InsertBatch[], frame: Buffer): Promise<readonly (InsertReceipt | EngineError)[]> {
    return this.#writer.insert(batches, frame);
  }

  query(spec: QuerySpec, signal?: AbortSignal): Promise<QueryResult> {
    return this.#query(spec, signal, null);
  }

  async explain(spec: QuerySpec, signal?: AbortSignal): Promise<Explanation> {
    const startedMs = performance.now();
    const cost = new ReadCost(this.#volumes);
    const { rows } = await this.#query(spec, signal, cost);
    const { hotRows, late } = this.#catalogue.get(spec.series);
    return {
      rows: BigInt(rows),
      parts: BigInt(cost.parts),
      bytesPerVolume: cost.bytesPerVolume,
      bytesCached: BigInt(cost.bytesCached),
      hotRows: BigInt(hotRows),
      lateRows: BigInt(late.rows),
      readNs: nanoseconds(cost.readMs),
      totalNs: nanoseconds(performance.now() - startedMs),
    };
  }

  async latest(spec: LatestSpec, signal?: AbortSignal): Promise<QueryResult> {
    return latestPoints(this.#catalogue.get(spec.series), spec, new Pace(signal));
  }

  async asof(spec: AsofSpec, signal?: AbortSignal): Promise<QueryResult> {
    const pace = new Pace(signal);
    const series = this.#catalogue.get(spec.series);
    const other = this.#catalogue.get(spec.other.series);
    const named = { series: fieldsNamed(spec.fields, series), other: fieldsNamed(spec.other.fields, other) };
    const wheres = { series: filterFields(spec.where, series), other: filterFields(spec.other.where, other) };
    const points = this.#sourceOf(series, [...named.series, ...wheres.series]);
    const others = this.#sourceOf(other, [...named.other, ...wheres.other]);
    try {
      return await asofPoints(points, others, spec, pace);
    } finally {
      this.#readers.remove(points);
      this.#readers.remove(others);
    }
  }

  async tags(name: string): Promise<readonly TagValues[]> {
    const { tags, tagSets } = this.#catalogue.get(name);
    const pace = new Pace();
    const counted: TagValues[] = [];
    for (const [number, tag] of tags.entries()) {
      const texts = tagSets.values[number]!;
      const index = tagSets.index[number]!;
      const counts = new Int32Array(texts.length);
      for (let id = 0; id < tagSets.count; id++) counts[index[id]!]!++;
      const values: string[] = [];
      const sets: number[] = [];
      for (let value = 1; value < counts.length; value++) {
        if (counts[value] === 0) continue;
        values.push(texts[value]!);
        sets.push(counts[value]!);
        if ((value & 4095) === 0 && pace.isDue) await pace.rest();
      }
      counted.push({ tag, values, tagSets: Int32Array.from(sets) });
    }
    return counted;
  }

  async series({ after, limit }: SeriesPageSpec): Promise<SeriesPage> {
    const { series, next } = this.#catalogue.page(after, limit);
    return { series: series.map((one) => this.#info(one)), next };
  }

  async stats(): Promise<Stats> {
    const all = this.#catalogue.all();
    return {
      bytesPerVolume: await this.#storage.bytesPerVolume(),
      journalBytes: BigInt(this.#journal.bytes),
      hotRows: BigInt(this.#hotRows()),
      lateRows: BigInt(all.reduce((sum, series) => sum + series.late.rows, 0)),
      parts: BigInt(this.#storage.parts.parts.length),
      journalEnd: {
        generation: BigInt(this.#journal.position.generation),
        offset: BigInt(this.#journal.position.offset),
      },
      checkpointNs: this.#upkeep.checkpointMs === null ? null : BigInt(this.#upkeep.checkpointMs) * 1_000_000n,
    };
  }

  async delete(spec: DeleteSpec): Promise<bigint> {
    const series = this.#catalogue.get(spec.series);
    const deletion = new PointDeletion(series, spec, this.#storage.parts, () => this.#everyField(series));
    const count = await deletion.count(new Pace());
    if (spec.dryRun) return BigInt(count);
    this.#refuseHeld();
    return count === 0 ? 0n : BigInt(await this.#upkeep.remove(deletion));
  }

  async retain(beforeNs: bigint): Promise<bigint> {
    this.#refuseHeld();
    const retention = new Retention(beforeNs, () => this.#catalogue.all());
    const range = { fromNs: -(2n ** 63n), toNs: retention.cutNs };
    const isOld = this.#catalogue.all().some((series) => spanWithin(this.#spans(series), range) !== null);
    return isOld ? BigInt(await this.#upkeep.remove(retention)) : 0n;
  }

  async compact(): Promise<Compaction> {
    this.#refuseHeld();
    const { merged, written, bytesBefore, bytesAfter, left } = await this.#upkeep.compact();
    return {
      parts: BigInt(merged),
      into: BigInt(written),
      bytesBefore: BigInt(bytesBefore),
      bytesAfter: BigInt(bytesAfter),
      left: BigInt(left),
    };
  }

  checkpoint(): Promise<void> {
    return this.#upkeep.checkpoint();
  }

  backup(name: string): Promise<readonly BackupFile[]> {
    return this.#upkeep.exclusively(() => writeBackup(this.#storage, this.#journal, this.#checksums, name));
  }

  async tail(spec: TailSpec): Promise<TailResult> {
    this.#catalogue.get(spec.series);
    return readTail(this.#journal, spec);
  }

  /** To be removed from the readers. */
  #sourceOf(series: SeriesStore, fields: readonly number[], cost: ReadCost | null = null): Source {
    const source = new Source(series, this.#storage.parts, this.#cache, [...new Set(fields)], cost);
    this.#readers.add(source);
    return source;
  }

  async #query(spec: QuerySpec, signal: AbortSignal | undefined, cost: ReadCost | null): Promise<QueryResult> {
    const pace = new Pace(signal);
    const series = this.#catalogue.get(spec.series);
    const named = spec.select.length > 0 ? fieldsOfSelect(spec.select, series) : fieldsNamed(spec.fields, series);
    const source = this.#sourceOf(series, [...named, ...filterFields(spec.where, series)], cost);
    try {
      return await (spec.select.length > 0 ? aggregate(source, spec, pace) : rawPoints(source, spec, pace));
    } finally {
      this.#readers.remove(source);
    }
  }

  #refuseHeld(): void {
    if (this.#isHeld) throw new EngineError('DatabaseHeld');
  }

  #everyField(series: SeriesStore): Source {
    return new Source(
      series,
      this.#storage.parts,
      this.#cache,
      series.fields.map((_, field) => field),
    );
  }

  #info(series: SeriesStore): SeriesInfo {
    const span = spanWithin(this.#spans(series), { fromNs: -(2n ** 63n), toNs: 2n ** 63n });
    const inParts = this.#storage.parts
      .ofSeries(series.number)
      .reduce((sum, part) => sum + part.series.get(series.number)!.rows, 0);
    return {
      series: series.name,
      tags: [...series.tags],
      fields: [...series.fields],
      tagSets: BigInt(series.tagSets.count),
      firstNs: span?.firstNs ?? null,
      lastNs: span?.lastNs ?? null,
      rows: BigInt(inParts + series.hotRows + series.late.rows),
    };
  }

  #spans(series: SeriesStore): { firstNs: bigint; lastNs: bigint }[] {
    const runs = [...series.runs([]), ...series.late.runs(series.fields)];
    return [
      ...runs.map(spanOf),
      ...this.#storage.parts.ofSeries(series.number).map((part) => spanOfPart(part, series.number)),
    ];
  }

  #hotRows(): number {
    return this.#catalogue.all().reduce((sum, series) => sum + series.hotRows, 0);
  }

  async #recover(log: Log, restore: DatabaseConfig['restore']): Promise<void> {
    const started = performance.now();
    const state = await this.#storage.readState();
    if (state) restoreState(state, this.#catalogue, this.#applied);
    const done = this.#storage.manifest.recovered;
    const untilMs = restore?.untilMs ?? null;
    const report =
      untilMs === null || untilMs === done?.untilMs ? await this.#replayAll() : await this.#replayUntil(untilMs, log);
    await this.#storage.removeUnlisted(log);
    const { records, lastArrivalMs, tornBytes } = report;
    if (restore) this.recovered = this.#storage.manifest.recovered ?? { untilMs, records, lastArrivalMs };
    if (tornBytes > 0) log.warn('the journal ended in a torn record, never acknowledged: cut', { bytes: tornBytes });
    log.info('recovered', {
      records,
      rows: this.#hotRows(),
      parts: this.#storage.parts.parts.length,
      ms: Math.round(performance.now() - started),
    });
  }

  async #replayAll(): Promise<ReplayReport> {
    const { journal, isNew } = this.#storage;
    return await this.#journal.replay(journal, isNew, (record, { generation }) => {
      // The manifest would begin with its file, had it come to be.
      if (record.kind === 'deleted' && generation > journal) this.#revoked.add(generation);
      for (const revoked of revokedBy(record)) this.#revoked.delete(revoked);
      this.#replay(record);
      return true;
    });
  }

  async #replayUntil(untilMs: number, log: Log): Promise<ReplayReport> {
    // New parts may get names that a start which was cut short used.
    await this.#storage.removeUnlisted(log);
    return await recoverUntil(untilMs, {
      catalogue: this.#catalogue,
      journal: this.#journal,
      storage: this.#storage,
      upkeep: this.#upkeep,
      apply: (record) => this.#replay(record),
      open: (series) => this.#everyField(series),
    });
  }

  #replay(record: JournalRecord): void {
    switch (record.kind) {
      case 'insert':
      case 'define':
        this.#writer.replay(record);
        break;
      case 'drop':
        this.#catalogue.drop((JSON.parse(record.body.toString('utf8')) as { series: string }).series);
        break;
    }
  }
}

function nanoseconds(ms: number): bigint {
  return BigInt(Math.round(ms * 1e6));
}
