import { pipeline } from 'node:stream/promises';
import { apiError } from '../base/errors.ts';
import { type ImportParams, importFault, importParams, importRejectsKey } from '../ingest/import.ts';
import { access, dataAccess, findDatabase, withinStorage } from './access.ts';
import { actorOf } from './actor.ts';
import { readBody } from './body.ts';
import { fromStore } from './objects.ts';
import { cursor, nextCursor, pageAfter } from './page.ts';
import { replyJson } from './reply.ts';
import { idHeaders } from './request-ids.ts';
import { readJson, readParameters } from './schema.ts';
import type { Context, Step } from './step.ts';
import { shownTask } from './tasks.ts';

const pageTasks = 100;

export const createImport: Step[] = [
  ...dataAccess('write'),
  withinStorage,
  readBody,
  readJson(importParams),
  async function createImport(context: Context): Promise<void> {
    const { management, tasks, log } = context.services;
    const params = context.json as ImportParams;
    const fault = importFault(params);
    if (fault !== undefined) throw apiError('InvalidRequest', { reason: `body.${fault}` });
    const subject = context.database!;
    const task = await management.tasks.createTask({ kind: 'import', subject, params, requestedBy: actorOf(context) });
    await tasks.announce(task, log);
    replyJson(context, 202, { task: shownTask(task) });
  },
];

export const listImports: Step[] = [
  ...access('read'),
  findDatabase,
  readParameters({ type: 'object', additionalProperties: false, properties: { cursor } }),
  async function listImports(context: Context): Promise<void> {
    const { accountId, name: database } = context.database!;
    const { tasks, next } = await context.services.management.tasks.listTasks({
      ...{ accountId, state: undefined, kind: 'import', database },
      limit: pageTasks,
      after: pageAfter(context),
    });
    replyJson(context, 200, { imports: tasks.map((task) => shownTask(task)), next: nextCursor({ next }) });
  },
];

/** The bad rows, as NDJSON. */
export const getRejects: Step[] = [
  ...dataAccess('read'),
  async function getRejects(context: Context): Promise<void> {
    const { response, services } = context;
    const id = context.params['import']!;
    const database = context.database!;
    const task = await services.management.tasks.getTask(id);
    if (task?.kind !== 'import' || task.databaseId !== database.id) throw apiError('TaskNotFound', { task: id });
    const file = `rejects-${id}.ndjson`;
    const key = importRejectsKey(database.id, id);
    const found = await fromStore(file, services.objects.head(key));
    if (!found) throw apiError('FileNotFound', { file });
    const stream = await fromStore(file, services.objects.get(key));
    response.writeHead(200, {
      ...idHeaders(context),
      'Content-Type': 'application/x-ndjson',
      'Content-Length': found.bytes,
    });
    await pipeline(stream, response).catch((error: unknown) => {
      // A client that hangs up in the middle is no fault of anybody.
      if ((error as NodeJS.ErrnoException).code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error;
    });
  },
];
