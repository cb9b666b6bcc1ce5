import { text } from 'node:stream/consumers';
import { ApiError } from '../../src/base/errors.ts';
import { ObjectNotFound } from '../../src/base/object-store.ts';
import type { SeriesDefinition } from '../../src/kdb/engine.ts';
import { EngineError } from '../../src/kdb/engine-error.ts';
import { type BuiltQuery, buildSpec } from '../../src/query/parameters.ts';
import {
  type ExportedFile,
  type ExportParams,
  type ExportResult,
  exportFolder,
  exportSchema,
} from '../../src/tasks/export.ts';
import { pinned } from '../exports/columns.ts';
import { ExportedDatabase } from '../exports/database.ts';
import { fileName, writeFile } from '../exports/files.ts';
import { NotExportable } from '../exports/not-exportable.ts';
import { BucketPages, type Pages, type Place, RawPages, WholePage } from '../exports/pages.ts';
import { taskDatabase } from './database.ts';
import { type Connection, type Kind, Permanent, PermanentByData, SliceOver, type TaskRun } from './kind.ts';

/** Their list has to fit the task. */
const maxFiles = 400;

interface Checkpoint {
  readonly files: readonly ExportedFile[];
  /** Where the next file begins. */
  readonly place: Place;
}

/** The series as it was when the export began. */
interface Beginning extends SeriesDefinition {
  readonly rows: number;
  /** Null when it had no points. */
  readonly firstNs: string | null;
  readonly lastNs: string | null;
}

type ExportRun = TaskRun<ExportParams, Checkpoint>;

/** Writes the rows of a query to files of the object store, one after the other; a later attempt goes on after the last that is whole. */
export const exportRows: Kind<ExportParams, Checkpoint, ExportResult> = {
  lanes: 2,
  timeLimitMs: 24 * 3_600_000,
  maxAttempts: 10,
  params: exportSchema,
  async run(run) {
    const database = new ExportedDatabase({ connect: () => connect(run), signal: run.signal });
    try {
      return await writeFiles(run, database);
    } catch (error) {
      throw isPermanent(error) ? new PermanentByData((error as Error).message, { cause: error }) : error;
    } finally {
      await database.close();
    }
  },
  giveUp: removeFiles,
  cancel: removeFiles,
};

async function connect({ task, services }: ExportRun): Promise<Connection> {
  const database = await taskDatabase(task, services.management);
  if (!database || database.status === 'deleting') throw new Permanent('the database is gone');
  return services.connect(database);
}

async function writeFiles(run: ExportRun, database: ExportedDatabase): Promise<ExportResult> {
  const { params, services, signal } = run;
  const known = await knownBeginning(run);
  const begun = known ?? (await begin(run, database));
  // After it was given up or cancelled its files are gone: tried once more, it begins anew.
  const checkpoint = known && run.checkpoint;
  const built = buildSpec(begun, params.query, BigInt(params.nowNs));
  const pages = pagesOf(built, begun, database);
  const limit = built.spec.cut ? built.spec.limit : Number.POSITIVE_INFINITY;
  // Of a part of the series nobody knows before it is read.
  const total = Object.keys(params.query).length === 0 ? begun.rows : null;
  const files = [...(checkpoint?.files ?? [])];
  let rows = files.reduce((sum, file) => sum + file.rows, 0);
  let place = checkpoint?.place ?? null;
  for (;;) {
    if (files.length === maxFiles)
      throw new Permanent(`it would be more than ${maxFiles} files; split into larger ones`);
    const name = fileName(files.length + 1, params);
    const { next, ...file } = await writeFile({
      ...{ store: services.objects, key: `${folderOf(run)}/${name}`, pages, from: place, signal },
      form: { ...params, timeFormat: built.timeFormat, splitRows: Math.min(params.splitRows, limit - rows) },
      progress: (more) => run.progress(rows + more, total, 'rows'),
    });
    files.push({ name, ...file });
    rows += file.rows;
    if (next === null || rows >= limit) return { files, rows };
    place = next;
    await run.saveCheckpoint({ files, place });
    if (run.sliceOver()) throw new SliceOver();
  }
}

/** Kept beside the files, so that every attempt has the same. */
async function knownBeginning(run: ExportRun): Promise<Beginning | null> {
  try {
    return JSON.parse(await text(await run.services.objects.get(beginningKey(run)))) as Beginning;
  } catch (error) {
    if (error instanceof ObjectNotFound) return null;
    throw error;
  }
}

async function begin(run: ExportRun, database: ExportedDatabase): Promise<Beginning> {
  const info = await database.call((engine) => engine.describe(run.params.series));
  const { series, tags, fields, rows, firstNs, lastNs } = info;
  const [first, last] = [firstNs, lastNs].map((timeNs) => (timeNs === null ? null : String(timeNs)));
  const begun: Beginning = { series, tags, fields, rows: Number(rows), firstNs: first!, lastNs: last! };
  await run.services.objects.put(beginningKey(run), JSON.stringify(begun));
  return begun;
}

/** Of the times that the series had: what comes behind its newest point is not waited for. */
function pagesOf({ spec, intervalNs }: BuiltQuery, begun: Beginning, database: ExportedDatabase): Pages {
  const fromNs = later(spec.fromNs, begun.firstNs === null ? spec.fromNs : BigInt(begun.firstNs));
  const endNs = begun.lastNs === null ? spec.toNs : BigInt(begun.lastNs) + 1n;
  const toNs = endNs < spec.toNs ? endNs : spec.toNs;
  const query = database.query.bind(database);
  // Nothing of it is in the range, which is left as it was asked for: one that is empty would be refused.
  const range = fromNs < toNs ? { ...spec, fromNs, toNs } : spec;
  if (spec.select.length === 0) return new RawPages(pinned(query, begun), range);
  if (intervalNs === null || range === spec) return new WholePage(query, range);
  return new BucketPages(query, range, intervalNs);
}

function later(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}

/** Neither the database nor the query will be another one. */
function isPermanent(error: unknown): boolean {
  return error instanceof NotExportable || error instanceof ApiError || error instanceof EngineError;
}

async function removeFiles(run: ExportRun): Promise<void> {
  const { objects } = run.services;
  for await (const { key } of objects.list(`${folderOf(run)}/`)) await objects.remove(key);
}

function beginningKey(run: ExportRun): string {
  return `${folderOf(run)}/beginning.json`;
}

function folderOf({ task }: Pick<ExportRun, 'task'>): string {
  return exportFolder(task.databaseId!, task.id);
}
