// The parts of an import that is uploaded: each a body of its own, in any order, and again when it did not arrive; then the start.

import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { apiError } from '../base/errors.ts';
import type { StoredObject } from '../base/object-store.ts';
import { uploadStream } from '../base/objects/upload-stream.ts';
import { limitsOf } from '../management/plans.ts';
import type { Task } from '../management/records.ts';
import { dataAccess } from './access.ts';
import { fromStore } from './objects.ts';
import { replyJson } from './reply.ts';
import type { Context, Step } from './step.ts';
import { shownTask } from './tasks.ts';

const maxParts = 10_000;
/** A task that is just looked at by a worker is looked at for less. */
const lookEveryMs = 100;
const maxLooks = 20;

interface Part {
  readonly number: number;
  readonly bytes: number;
  readonly at: Date;
}

export const putImportPart: Step[] = [
  ...dataAccess('write'),
  async function putImportPart(context: Context): Promise<void> {
    const task = await waitingImport(context);
    const number = partNumber(context.params['part']!);
    const key = `${folderOf(task)}/part-${String(number).padStart(5, '0')}`;
    const limitBytes = await roomFor(context, task, number);
    const { objects } = context.services;
    const stored = await fromStore(key, uploadStream(objects, key, checkedBody(context, task, limitBytes)));
    replyJson(context, 200, { part: { number, ...stored } });
  },
];

export const listImportParts: Step[] = [
  ...dataAccess('write'),
  async function listImportParts(context: Context): Promise<void> {
    replyJson(context, 200, { parts: await partsOf(context, await uploadedImport(context)) });
  },
];

export const startImport: Step[] = [
  ...dataAccess('write'),
  async function startImport(context: Context): Promise<void> {
    const { management, tasks, objects, log } = context.services;
    const task = await uploadedImport(context);
    const started = `${folderOf(task)}/started`;
    if (!(await fromStore(started, objects.head(started)))) {
      requireUnfinished(task);
      const parts = (await partsOf(context, task)).map(({ number, bytes }) => ({ number, bytes }));
      const missing = parts.findIndex(({ number }, i) => number !== i + 1);
      if (parts.length === 0 || missing >= 0)
        throw apiError('InvalidRequest', {
          reason: `part ${missing + 1 || 1} is missing; send it, then start the import`,
        });
      await fromStore(started, objects.put(started, JSON.stringify({ parts })));
    }
    // A worker that looked before now is about to let it wait, perhaps between these two looks.
    let current = task;
    for (let look = 0; look < maxLooks; look++) {
      current = (await management.tasks.wake(task.id)) ?? (await management.tasks.getTask(task.id)) ?? task;
      if (current.state !== 'running' && current.waits === null) break;
      if (current.state === 'running') await delay(lookEveryMs);
    }
    if (current.state === 'queued') await tasks.announce(current, log);
    replyJson(context, 202, { task: shownTask(current) });
  },
];

async function uploadedImport({ params, services, database }: Context): Promise<Task> {
  const id = params['import']!;
  const task = await services.management.tasks.getTask(id);
  const isUpload = task?.kind === 'import' && (task.params as { source?: { upload?: true } }).source?.upload === true;
  if (!isUpload || task.databaseId !== database!.id) throw apiError('TaskNotFound', { task: id });
  return task;
}

/** One that still takes parts. */
async function waitingImport(context: Context): Promise<Task> {
  const task = await uploadedImport(context);
  requireUnfinished(task);
  await requireUnstarted(context, task);
  return task;
}

function requireUnfinished({ id, state }: Task): void {
  if (state !== 'queued' && state !== 'running') throw apiError('UploadEnded', { task: id, why: `has ${state}` });
}

async function requireUnstarted({ services }: Context, task: Task): Promise<void> {
  const key = `${folderOf(task)}/started`;
  if (await fromStore(key, services.objects.head(key)))
    throw apiError('UploadEnded', { task: task.id, why: 'was started' });
}

function folderOf({ databaseId, id }: Task): string {
  return `imports/${databaseId}/${id}`;
}

function partNumber(text: string): number {
  const number = Number(text);
  if (!/^\d{1,5}$/.test(text) || number < 1 || number > maxParts)
    throw apiError('InvalidRequest', { reason: `part ${text} is not a number from 1 to ${maxParts}` });
  return number;
}

async function partsOf({ services }: Context, task: Task): Promise<Part[]> {
  const prefix = `${folderOf(task)}/part-`;
  const parts: Part[] = [];
  const read = async (): Promise<void> => {
    for await (const { key, bytes, at } of services.objects.list(prefix) as AsyncIterable<StoredObject>)
      parts.push({ number: Number(key.slice(prefix.length)), bytes, at });
  };
  await fromStore(prefix, read());
  return parts;
}

/** All parts together may have what the account may store. */
async function roomFor(context: Context, task: Task, number: number): Promise<number> {
  const { maxPartBytes } = context.services.config;
  const { storageBytes } = limitsOf(context.account!);
  const others = (await partsOf(context, task)).filter((part) => part.number !== number);
  const left = storageBytes === null ? maxPartBytes : storageBytes - others.reduce((sum, { bytes }) => sum + bytes, 0);
  const limitBytes = Math.max(0, Math.min(maxPartBytes, left));
  if (Number(context.request.headers['content-length'] ?? 0) > limitBytes)
    throw apiError('BodyTooLarge', { limitBytes });
  return limitBytes;
}

/** The body as it comes; it ends with an error when it is not what its headers say. Only then is it stored. */
async function* checkedBody(context: Context, task: Task, limitBytes: number): AsyncGenerator<Uint8Array> {
  const { request, response } = context;
  const { 'content-md5': md5, 'x-content-sha256': sha256 } = request.headers;
  const checks = [
    ...(md5 === undefined
      ? []
      : [{ header: 'Content-MD5', given: md5, hash: createHash('md5'), encoding: 'base64' as const }]),
    ...(sha256 === undefined
      ? []
      : [
          {
            header: 'x-content-sha256',
            given: `${sha256}`.toLowerCase(),
            hash: createHash('sha256'),
            encoding: 'hex' as const,
          },
        ]),
  ];
  if (request.headers.expect !== undefined && request.httpVersion !== '1.0') response.writeContinue();
  let bytes = 0;
  try {
    // What is left of the body is nothing to hang up for: the reply says why it is not wanted.
    for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > limitBytes) throw apiError('BodyTooLarge', { limitBytes });
      for (const { hash } of checks) hash.update(chunk);
      yield chunk;
    }
  } catch (error) {
    if (!request.destroyed || request.complete) throw error;
    throw apiError('InvalidRequest', { reason: 'the connection closed before the body was whole' }, { cause: error });
  }
  for (const { header, given, hash, encoding } of checks) {
    const found = hash.digest(encoding);
    if (found !== given) throw apiError('ChecksumMismatch', { header, found });
  }
  await requireUnstarted(context, task);
}
