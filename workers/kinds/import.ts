import { ObjectNotFound } from '../../src/base/object-store.ts';
import { uploadStream } from '../../src/base/objects/upload-stream.ts';
import {
  type ImportParams,
  importFault,
  importKeptDays,
  importParams,
  importPrefix,
  importRejectsKey,
  shownImport,
} from '../../src/ingest/import.ts';
import { described } from '../../src/kdb/described.ts';
import type { Database } from '../../src/management/records.ts';
import { Decoding } from '../import/decoding.ts';
import { type DownloadLimits, type DownloadState, download, publicDownloads } from '../import/download.ts';
import { DryRun } from '../import/dry-run.ts';
import { type ImportCheckpoint, ImportWork } from '../import/import-work.ts';
import type { Plan } from '../import/plan.ts';
import { Rejects } from '../import/rejects.ts';
import { type Piece, SourceFile } from '../import/source-file.ts';
import type { Step } from '../import/steps.ts';
import { noSection } from '../import/text-import.ts';
import { taskDatabase } from './database.ts';
import { type Connection, type Kind, Permanent, PermanentByData, Postponed, type TaskRun } from './kind.ts';

const hourMs = 3_600_000;
/** Parts of an upload may come for so long. */
const waitForPartsMs = importKeptDays * 24 * hourMs;
const lookAgainMs = 5_000;
const lookForPartsMs = 60_000;
const maxShownUrl = 500;

type Checkpoint = Partial<ImportCheckpoint> & { readonly download?: DownloadState };
type Run = TaskRun<ImportParams, Checkpoint>;

interface ImportResult {
  readonly format: string;
  readonly compression: string;
  readonly rows?: number;
  readonly rejected: number;
}

export function importKind(limits: DownloadLimits): Kind<ImportParams, Checkpoint, ImportResult | object> {
  return {
    lanes: 2,
    timeLimitMs: 48 * hourMs,
    maxAttempts: 20,
    params: importParams,
    async run(run) {
      const fault = importFault(run.params);
      if (fault !== undefined) throw new Permanent(`params.${fault}`);
      const database = await activeDatabase(run);
      const engines = new ImportEngine(run, database);
      const decoding = new Decoding(run.services.objects, run.signal);
      try {
        return await work(run, database, engines, decoding, limits);
      } catch (error) {
        throw error instanceof Permanent
          ? new PermanentByData(`${sourceName(run)}: ${error.message}`, { cause: error })
          : error;
      } finally {
        await decoding.close();
        await engines.close();
      }
    },
    // It can be tried again, and then goes on where it was: what it needs is removed when its time is over (file-expiry.ts).
    giveUp: (run) => endRejects(run),
    cancel: (run) => endRejects(run),
  };
}

export const importFile: Kind = importKind(publicDownloads) as unknown as Kind;

async function work(
  run: Run,
  database: Database,
  engines: ImportEngine,
  decoding: Decoding,
  limits: DownloadLimits,
): Promise<ImportResult | object> {
  const { params, services } = run;
  const { objects } = services;
  const engine = await engines.current();
  const plan = await planned(run, database, limits, engine, decoding);
  const { format, compression } = plan;
  const nowNs = BigInt(Date.parse(run.task.createdAt)) * 1_000_000n;
  if (params.dryRun) {
    const steps = decoding.steps(plan, params, { position: plan.start, section: noSection, nowNs });
    const found = await tried(steps, engine);
    await removeNeeded(run);
    return { format, compression, ...(plan.table && { columns: plan.table.types }), ...found };
  }
  if (database.schema === 'strict') await defineAll(run, database, engine);
  const { position = plan.start, section = noSection, rows = 0, rejected = 0 } = run.checkpoint ?? {};
  const from: ImportCheckpoint = { position, section, rows, rejected };
  const rejects = await Rejects.open(objects, database.id, run.task.id);
  const importing = new ImportWork(
    {
      taskId: run.task.id,
      database,
      management: services.management,
      describe: { describe: async (name) => (await engines.current()).describe(name) },
      rejects,
      maxRejects: params.maxRejects ?? 0,
      engine: (afterLoss) => (afterLoss ? engines.again() : engines.current()),
      applied: (points) => services.meter.addPoints(database, points),
      clock: services.management.clock,
      signal: run.signal,
      progress: ({ done, total, unit }) => run.progress(done, total, unit),
      save: (checkpoint) => run.saveCheckpoint(checkpoint),
      sliceOver: () => run.sliceOver(),
    },
    from,
  );
  const done = await importing.run(decoding.steps(plan, params, { position, section, nowNs }));
  await rejects.finish(run.signal);
  await removeNeeded(run);
  return { format, compression, rows: done.rows, rejected: done.rejected };
}

/** As its owner knows it. An address may be of any length. */
function sourceName({ task, params }: Run): string {
  const { source } = shownImport(params);
  if ('object' in source) return `object ${source.object}`;
  if ('upload' in source) return `upload ${source.upload === true ? task.id : source.upload}`;
  return source.url.length > maxShownUrl ? `${source.url.slice(0, maxShownUrl)}…` : source.url;
}

/** However it ended, its bad rows can be looked at. */
async function endRejects({ task, services, signal }: Run): Promise<void> {
  if (task.databaseId === null) return;
  const rejects = await Rejects.open(services.objects, task.databaseId, task.id);
  await rejects.finish(signal);
}

async function activeDatabase({ task, services }: Run): Promise<Database> {
  const database = await taskDatabase(task, services.management);
  if (!database || database.status === 'deleting' || database.status === 'failed')
    throw new Permanent('the database is gone');
  if (database.status === 'active') return database;
  throw new Postponed(services.management.clock() + lookAgainMs, `the database is ${database.status}`);
}

/** The plan is made once: what it says of the file holds for all attempts. */
async function planned(
  run: Run,
  database: Database,
  limits: DownloadLimits,
  engine: Connection,
  decoding: Decoding,
): Promise<Plan> {
  const { task, params, services } = run;
  const { objects } = services;
  const key = `${importPrefix(database.id, task.id)}/plan.json`;
  const known = await readJson<Plan>(run, key);
  if (known) return known;
  const pieces = await piecesOf(run, database, limits);
  const info = params.series === undefined ? null : await described(engine, params.series);
  const { retentionDays, futureHours } = database;
  let plan = { ...(await decoding.plan(pieces, params, info)), times: { retentionDays, futureHours } };
  if (plan.format === 'parquet')
    plan = { ...plan, ...(await decoding.columns(await unpacked(run, database, plan), params)) };
  await objects.put(key, JSON.stringify(plan));
  return plan;
}

/** Parquet is read here and there: a packed file is unpacked into the store first. */
async function unpacked({ task, services, signal }: Run, database: Database, plan: Plan): Promise<Plan> {
  if (plan.compression === 'none') return plan;
  const { objects } = services;
  const key = `${importPrefix(database.id, task.id)}/unpacked`;
  const text = new SourceFile(objects, plan.pieces).text(plan.compression);
  const { bytes } = await uploadStream(objects, key, text, signal);
  return { ...plan, pieces: [{ key, bytes }] };
}

async function piecesOf(run: Run, database: Database, limits: DownloadLimits): Promise<Piece[]> {
  const { task, params, services } = run;
  const { objects } = services;
  const prefix = importPrefix(database.id, task.id);
  const { source } = params;
  if ('upload' in source) {
    const { upload } = source;
    return uploadedParts(run, upload === true ? prefix : importPrefix(database.id, upload));
  }
  const key = 'object' in source ? `imports/${database.id}/${source.object}` : `${prefix}/download`;
  if ('url' in source && !(await objects.head(key))) {
    await download(source.url, run.checkpoint?.download ?? null, {
      objects,
      key,
      limits,
      signal: run.signal,
      progress: (done, total) => run.progress(done, total, 'bytes'),
      save: (state) => run.saveCheckpoint({ download: state }),
    });
  }
  const head = await objects.head(key);
  if (!head) throw new Permanent('there is no such object; put it there first');
  return [{ key, bytes: head.bytes }];
}

/** The start of an upload names its parts (README). */
async function uploadedParts(run: Run, prefix: string): Promise<Piece[]> {
  const { task, services } = run;
  const started = await readJson<{ parts: { number: number; bytes: number }[] }>(run, `${prefix}/started`);
  const until = Date.parse(task.createdAt) + waitForPartsMs;
  if (!started) {
    if (prefix !== importPrefix(task.databaseId!, task.id))
      throw new Permanent(
        'there is no upload of that name, or it was not started, or its time is over; upload it once more',
      );
    const nowMs = services.management.clock();
    // Who starts it wakes it. Should that be lost, it is found a minute later.
    if (nowMs < until) throw new Postponed(Math.min(until, nowMs + lookForPartsMs), 'it waits for its parts');
    throw new Permanent('it was not started within 7 days; upload it once more, and start it');
  }
  return started.parts
    .toSorted((a, b) => a.number - b.number)
    .map(({ number, bytes }) => ({ key: `${prefix}/part-${String(number).padStart(5, '0')}`, bytes }));
}

async function tried(steps: AsyncIterable<Step>, engine: Connection): Promise<object> {
  const dryRun = new DryRun();
  let share = 1;
  for await (const { batch, firstLine, progress } of steps) {
    dryRun.add(batch, firstLine);
    if (!dryRun.enough) continue;
    share = Math.min(1, progress.done / progress.total);
    break;
  }
  return dryRun.result(engine, share);
}

/** The process of a strict database may lag behind what is defined. */
async function defineAll({ services }: Run, { id }: Database, engine: Connection): Promise<void> {
  for await (const { name, tags, fields } of services.management.series.everySeries(id))
    await engine.define({ series: name, tags, fields });
}

/** What bad rows it had stays, as do objects that it was not made for, and, after it only looked, what it was sent. */
async function removeNeeded({ task, params, services }: Run): Promise<void> {
  const { objects } = services;
  const prefix = `${importPrefix(task.databaseId!, task.id)}/`;
  for await (const { key } of objects.list(prefix)) {
    const name = key.slice(prefix.length);
    const isSent = name.startsWith('part-') || name === 'started';
    if (key !== importRejectsKey(task.databaseId!, task.id) && !(params.dryRun && isSent)) await objects.remove(key);
  }
}

async function readJson<T>({ services }: Run, key: string): Promise<T | undefined> {
  try {
    const chunks: Buffer[] = [];
    for await (const chunk of await services.objects.get(key)) chunks.push(chunk as Buffer);
    return JSON.parse(Buffer.concat(chunks).toString()) as T;
  } catch (error) {
    if (error instanceof ObjectNotFound) return undefined;
    throw error;
  }
}

/** The database's process, wherever it is by now. */
class ImportEngine {
  readonly #run: Run;
  #database: Database;
  #client: Promise<Connection> | undefined;

  constructor(run: Run, database: Database) {
    this.#run = run;
    this.#database = database;
  }

  current(): Promise<Connection> {
    this.#client ??= this.#run.services.connect(this.#database);
    return this.#client;
  }

  /** After a connection was lost. */
  async again(): Promise<Connection> {
    const database = await activeDatabase(this.#run);
    const { endpoint } = this.#database;
    if (database.endpoint?.host === endpoint?.host && database.endpoint?.port === endpoint?.port) return this.current();
    await this.close();
    this.#database = database;
    return this.current();
  }

  async close(): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    await (await client?.catch(() => undefined))?.close();
  }
}
