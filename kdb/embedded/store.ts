import { randomUUID } from 'node:crypto';
import type { Log } from '../../src/base/log.ts';
import { insert as insertCodec } from '../../src/kdb/calls/insert.ts';
import { requestFrame } from '../../src/kdb/calls/request.ts';
import { contractVersion } from '../../src/kdb/contract.ts';
import type {
  BackupFile,
  DeleteSpec,
  Engine,
  Hello,
  InsertBatch,
  InsertReceipt,
  LatestSpec,
  QueryResult,
  QuerySpec,
  SchemaMode,
  SeriesDefinition,
  SeriesInfo,
  Stats,
  TagValues,
  TailResult,
  TailSpec,
} from '../../src/kdb/engine.ts';
import { EngineError } from '../../src/kdb/engine-error.ts';
import { aggregate } from './aggregate.ts';
import type { FrameSink } from './answers.ts';
import { AppliedBatches } from './applied-batches.ts';
import { Catalogue } from './catalogue.ts';
import type { FileLayer } from './files.ts';
import { Journal } from './journal.ts';
import type { JournalRecord } from './journal-record.ts';
import { latestPoints } from './latest-points.ts';
import { lockDirectory } from './lock.ts';
import { Pace } from './pace.ts';
import { rawPoints } from './raw.ts';
import type { SeriesStore } from './series-store.ts';
import { hotSource, spanOf } from './source.ts';
import { Writer } from './writer.ts';

export interface StoreOptions {
  /** This database's directory on each of its volumes. */
  readonly volumes: readonly string[];
  readonly schema: SchemaMode;
  readonly maxTagSets?: number;
  readonly budgetBytes?: number;
  readonly files: FileLayer;
  readonly log: Log;
  readonly now?: () => number;
}

const defaultMaxTagSets = 1_000_000;

/** One database, in this process. */
export class Store implements Engine, FrameSink {
  readonly #options: StoreOptions;
  readonly #catalogue: Catalogue;
  readonly #journal: Journal;
  readonly #applied: AppliedBatches;
  readonly #writer: Writer;
  readonly #lock: { release(): void };

  private constructor(options: StoreOptions, lock: { release(): void }) {
    this.#options = options;
    this.#lock = lock;
    this.#catalogue = new Catalogue(options.schema, options.maxTagSets ?? defaultMaxTagSets);
    this.#journal = new Journal(options.files, options.volumes);
    this.#applied = new AppliedBatches(options.now ?? Date.now);
    this.#writer = new Writer(this.#catalogue, this.#journal, this.#applied, () => undefined);
  }

  /** Reads what is there; refuses a missing volume, a damaged journal, and a directory that another process uses. */
  static async open(options: StoreOptions): Promise<Store> {
    for (const volume of options.volumes) {
      if (!(await options.files.isDirectory(volume)))
        throw new Error(`volume directory ${volume} is missing: mount the volume, or correct the configuration`);
    }
    const lock = lockDirectory(options.volumes[0]!);
    try {
      const store = new Store(options, lock);
      await store.#recover();
      return store;
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.#writer.alone(() => this.#journal.close());
    this.#lock.release();
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
    await this.#writer.define(definition);
    return this.describe(definition.series);
  }

  drop(series: string): Promise<void> {
    return this.#writer.alone(async () => {
      this.#catalogue.get(series);
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

  async query(spec: QuerySpec, signal?: AbortSignal): Promise<QueryResult> {
    const pace = new Pace(signal);
    const series = this.#catalogue.get(spec.series);
    const source = hotSource(
      series,
      series.fields.map((_, field) => field),
    );
    return spec.select.length > 0 ? aggregate(source, spec, pace) : rawPoints(source, spec, pace);
  }

  async latest(spec: LatestSpec, signal?: AbortSignal): Promise<QueryResult> {
    return latestPoints(this.#catalogue.get(spec.series), spec, new Pace(signal));
  }

  async tags(name: string): Promise<readonly TagValues[]> {
    const { tags, tagSets } = this.#catalogue.get(name);
    return tags.map((tag, number) => {
      const counts = new Int32Array(tagSets.values[number]!.length);
      const index = tagSets.index[number]!;
      for (let id = 0; id < tagSets.count; id++) counts[index[id]!]!++;
      const present = [...counts.keys()].filter((value) => value > 0 && counts[value]! > 0);
      return {
        tag,
        values: present.map((value) => tagSets.values[number]![value]!),
        tagSets: Int32Array.from(present, (value) => counts[value]!),
      };
    });
  }

  async stats(): Promise<Stats> {
    const all = this.#catalogue.all();
    return {
      series: all.map((series) => this.#info(series)),
      bytesPerVolume: new BigInt64Array(this.#options.volumes.length),
      journalBytes: BigInt(this.#journal.bytes),
      hotRows: BigInt(all.reduce((sum, series) => sum + series.hotRows, 0)),
      lateRows: BigInt(all.reduce((sum, series) => sum + series.late.rows, 0)),
      parts: 0n,
    };
  }

  delete(_spec: DeleteSpec): Promise<bigint> {
    return Promise.reject(new EngineError('BadCall', `delete ${randomUUID()}`));
  }

  retain(_beforeNs: bigint): Promise<bigint> {
    return Promise.reject(new EngineError('BadCall', 'retain'));
  }

  async checkpoint(): Promise<void> {}

  backup(_name: string): Promise<readonly BackupFile[]> {
    return Promise.reject(new EngineError('BadCall', 'backup'));
  }

  tail(_spec: TailSpec): Promise<TailResult> {
    return Promise.reject(new EngineError('BadCall', 'tail'));
  }

  #info(series: SeriesStore): SeriesInfo {
    const runs = [...series.runs([]), ...series.late.runs(series.fields)];
    const span = spanOf(runs, -(2n ** 63n), 2n ** 63n);
    return {
      series: series.name,
      tags: [...series.tags],
      fields: [...series.fields],
      tagSets: BigInt(series.tagSets.count),
      firstNs: span?.firstNs ?? null,
      lastNs: span?.lastNs ?? null,
      rows: BigInt(series.hotRows + series.late.rows),
    };
  }

  async #recover(): Promise<void> {
    const started = performance.now();
    const report = await this.#journal.replay(1, true, (record) => this.#replay(record));
    if (report.tornBytes > 0)
      this.#options.log.warn('journal ended in a torn record: cut', { bytes: report.tornBytes });
    this.#options.log.info('recovered', { records: report.records, ms: Math.round(performance.now() - started) });
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
