// What comes on a management queue: the id of a task, or, from people who may put messages there, the wish for one.

import { checkOf, schemas } from '../src/base/json-schema.ts';
import { theService } from '../src/management/audit.ts';
import type { Task } from '../src/management/records.ts';
import { serviceAccountId } from '../src/management/task-item.ts';
import { isTaskKind, taskKindEntry, taskKinds } from '../src/management/task-kinds.ts';
import { type TaskMessage, type TaskWish, wishedTaskId } from '../src/tasks/queue.ts';
import type { Kinds } from './kinds/index.ts';
import type { WorkerServices } from './kinds/kind.ts';
import { paramsFault } from './params.ts';

/** It would not be better when it came again. */
export class InvalidMessage extends Error {}

/** Of a wish; what is larger belongs in the object store. */
const maxWishBytes = 32_768;

const isTaskMessage = checkOf<TaskMessage>({
  type: 'object',
  required: ['taskId'],
  additionalProperties: false,
  properties: {
    taskId: { type: 'string', minLength: 1, maxLength: 200 },
    send: { type: 'integer', minimum: 0 },
  },
});
const isWish = checkOf<TaskWish>({
  type: 'object',
  required: ['kind', 'database', 'params', 'requestedBy'],
  additionalProperties: false,
  properties: {
    kind: { enum: Object.keys(taskKinds) },
    database: { type: 'string', nullable: true, pattern: '^db-[0-9a-f]{20}$' },
    params: { type: 'object' },
    requestedBy: { type: 'string', pattern: '^[\\w.@+-]{1,100}$' },
  },
});

export function readMessage(body: string): TaskMessage | TaskWish {
  let content: unknown;
  try {
    content = JSON.parse(body);
  } catch {
    throw new InvalidMessage('not a task message: it is no JSON');
  }
  if (isTaskMessage(content)) return content;
  if (typeof content !== 'object' || content === null || !('kind' in content))
    throw new InvalidMessage(`not a task message: ${schemas.errorsText(isTaskMessage.errors)}`);
  if (!isWish(content)) throw new InvalidMessage(`not a wish for a task: ${schemas.errorsText(isWish.errors)}`);
  const bytes = Buffer.byteLength(body);
  if (bytes > maxWishBytes) throw new InvalidMessage(`the message has ${bytes} bytes; ${maxWishBytes} at most`);
  return content;
}

interface MakerOptions {
  readonly services: Pick<WorkerServices, 'management' | 'announce'>;
  readonly kinds: Kinds;
  readonly region: string;
}

/** A task item first: from then on it is as any other. A message that comes twice makes one. */
export async function makeTask(wish: TaskWish, messageId: string, options: MakerOptions): Promise<Task> {
  const { services, kinds, region } = options;
  const { kind, params } = wish;
  const definition = isTaskKind(kind) ? kinds[kind] : undefined;
  if (!definition) throw new InvalidMessage(`no worker of this version does ${kind}`);
  const { asked, about } = taskKindEntry(kind);
  if (asked !== undefined) throw new InvalidMessage(`${kind} is asked for by ${asked}`);
  const fault = paramsFault(definition, params);
  if (fault !== undefined) throw new InvalidMessage(fault);
  const given = wish.database === null ? 'service' : 'database';
  if (about !== 'either' && about !== given)
    throw new InvalidMessage(`${kind} is about ${about === 'database' ? 'a database' : 'no database'}`);
  const subject =
    wish.database === null ? { accountId: serviceAccountId, region } : await databaseOf(wish.database, options);
  const requestedBy = { ...theService, operator: true, userId: `ops:${wish.requestedBy}`, region };
  const task = await services.management.tasks.createTask({
    kind,
    subject,
    params,
    requestedBy,
    id: wishedTaskId(messageId),
  });
  await services.announce(task);
  return task;
}

async function databaseOf(id: string, { services, region }: MakerOptions) {
  const database = await services.management.databases.getDatabaseById(id);
  if (!database) throw new InvalidMessage(`there is no database ${id}`);
  if (database.region !== region)
    throw new InvalidMessage(`database ${id} is in ${database.region}, this is ${region}`);
  return database;
}
