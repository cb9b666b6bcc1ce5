import { apiError } from '../base/errors.ts';
import type { Database, Task } from '../management/records.ts';
import { type BuiltQuery, buildSpec } from '../query/parameters.ts';
import {
  defaultSplitBytes,
  type ExportCompression,
  type ExportFormat,
  type ExportParams,
  type ExportResult,
  exportCompressions,
  exportFolder,
  exportFormats,
  exportsKeptDays,
  linkExpiresS,
  maxSplitBytes,
  maxSplitRows,
} from '../tasks/export.ts';
import { access, dataAccess, findDatabase } from './access.ts';
import { actorOf } from './actor.ts';
import { readBody } from './body.ts';
import { engineCall } from './engine-call.ts';
import { fromStore } from './objects.ts';
import { cursor, nextCursor, pageAfter } from './page.ts';
import { replyJson } from './reply.ts';
import { readJson, readParameters } from './schema.ts';
import type { Context, Step } from './step.ts';
import { shownTask } from './tasks.ts';

const dayMs = 86_400_000;
const pageTasks = 100;

interface NewExport {
  readonly series: string;
  readonly query?: ExportParams['query'];
  readonly from?: string;
  readonly until?: string;
  readonly format?: ExportFormat;
  readonly compression?: ExportCompression;
  readonly splitRows?: number;
  readonly splitBytes?: number;
}

export const createExport: Step[] = [
  ...dataAccess('read'),
  readBody,
  readJson({
    type: 'object',
    required: ['series'],
    additionalProperties: false,
    properties: {
      series: { type: 'string', minLength: 1, maxLength: 255 },
      query: {
        type: 'object',
        additionalProperties: { anyOf: [{ type: 'string' }, { type: 'array', items: { type: 'string' } }] },
      },
      from: { type: 'string' },
      until: { type: 'string' },
      format: { enum: exportFormats },
      compression: { enum: exportCompressions },
      splitRows: { type: 'integer', minimum: 1, maximum: maxSplitRows },
      splitBytes: { type: 'integer', minimum: 1, maximum: maxSplitBytes },
    },
  }),
  async function createExport(context: Context): Promise<void> {
    const { management, tasks, nowNs, log } = context.services;
    const body = context.json as NewExport;
    const { series, format = 'csv', splitRows = maxSplitRows, splitBytes = defaultSplitBytes } = body;
    const { compression = format === 'parquet' ? 'zstd' : 'none' } = body;
    const params: ExportParams = {
      ...{ series, query: queryOf(body), nowNs: String(nowNs()) },
      ...{ format, compression, splitRows, splitBytes },
    };
    const info = await engineCall(context, (engine) => engine.describe(series));
    requireExportable(buildSpec(info, params.query, BigInt(params.nowNs)), params);
    const subject = context.database!;
    const task = await management.tasks.createTask({ kind: 'export', subject, params, requestedBy: actorOf(context) });
    await tasks.announce(task, log);
    replyJson(context, 202, { task: shownTask(task) });
  },
];

export const listExports: Step[] = [
  ...access('read'),
  findDatabase,
  readParameters({ type: 'object', additionalProperties: false, properties: { cursor } }),
  async function listExports(context: Context): Promise<void> {
    const { accountId, name: database } = context.database!;
    const { tasks, next } = await context.services.management.tasks.listTasks({
      ...{ accountId, state: undefined, kind: 'export', database },
      limit: pageTasks,
      after: pageAfter(context),
    });
    replyJson(context, 200, { exports: tasks.map((task) => shownTask(task)), next: nextCursor({ next }) });
  },
];

export const getExport: Step[] = [
  ...access('read'),
  findDatabase,
  async function getExport(context: Context): Promise<void> {
    const id = context.params['task']!;
    const { id: databaseId } = context.database!;
    const task = await context.services.management.tasks.getTask(id);
    if (task?.kind !== 'export' || task.databaseId !== databaseId) throw apiError('TaskNotFound', { task: id });
    const result = task.state === 'succeeded' ? (task.result as ExportResult) : null;
    const files = result && (await shownFiles(context, context.database!, task, result));
    replyJson(context, 200, { task: shownTask(task), rows: result?.rows ?? null, files });
  },
];

function queryOf({ query = {}, from, until }: NewExport): ExportParams['query'] {
  const twice = ['from', 'until', 'cursor'].find((name) => name in query);
  if (twice !== undefined) {
    const reason = twice === 'cursor' ? 'an export has every page' : `it stands beside query`;
    throw apiError('InvalidRequest', { reason: `body.query.${twice}: ${reason}` });
  }
  return { ...query, ...(from !== undefined && { from }), ...(until !== undefined && { until }) };
}

/** Files are written page by page: what would need all rows at once cannot be. */
function requireExportable({ spec, intervalNs }: BuiltQuery, { query, format }: ExportParams): void {
  const isRaw = spec.select.length === 0;
  const refused = isRaw ? ['group-by'] : ['order', 'limit'];
  const name = refused.find((each) => query[each] !== undefined);
  if (name !== undefined)
    throw apiError('InvalidRequest', {
      reason: `body.query.${name}: an export of ${isRaw ? 'raw points is in the order of time' : 'an aggregation is whole, in the order of time'}`,
    });
  if (!isRaw && intervalNs === null && format === 'line-protocol')
    throw apiError('InvalidRequest', {
      reason: 'line-protocol needs times: raw points, or an aggregation with interval-sec',
    });
}

/** With addresses that are good for an hour; null when the files are gone. */
async function shownFiles(
  { services }: Context,
  database: Database,
  task: Task,
  { files }: ExportResult,
): Promise<object[]> {
  const nowMs = Number(services.nowNs() / 1_000_000n);
  const areKept = nowMs < Date.parse(task.updatedAt) + exportsKeptDays * dayMs;
  const expiresAt = areKept ? new Date(nowMs + linkExpiresS * 1_000).toISOString() : null;
  const folder = exportFolder(database.id, task.id);
  return Promise.all(
    files.map(async (file) => {
      const link = (): Promise<string> =>
        services.objects.link(`${folder}/${file.name}`, { fileName: file.name, expiresS: linkExpiresS });
      return { ...file, url: areKept ? await fromStore(file.name, link()) : null, expiresAt };
    }),
  );
}
