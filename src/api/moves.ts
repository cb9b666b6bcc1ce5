import { apiError } from '../base/errors.ts';
import { operatorAccess } from './access.ts';
import { actorOf } from './actor.ts';
import { readBody } from './body.ts';
import { chosenAccount } from './chosen-account.ts';
import { maxVolumes } from './databases.ts';
import { replyJson } from './reply.ts';
import { readJson, readParameters, singleId } from './schema.ts';
import type { Context, Step } from './step.ts';
import { shownTask } from './tasks.ts';

interface NewMove {
  readonly host?: string;
  readonly volumes?: number;
}

/** Of any account's database: `account` says whose it is. */
export const moveDatabase: Step[] = [
  ...operatorAccess,
  readParameters({ type: 'object', additionalProperties: false, properties: { account: singleId } }),
  readBody,
  readJson({
    type: 'object',
    additionalProperties: false,
    properties: { host: singleId, volumes: { type: 'integer', minimum: 1, maximum: maxVolumes } },
  }),
  async function moveDatabase(context: Context): Promise<void> {
    const { management, tasks, log } = context.services;
    const name = context.params['database']!;
    const accountId = chosenAccount(context, context.parameters!['account'] as string | undefined);
    const database = await management.databases.getDatabase(accountId, name, { fresh: true });
    if (!database) throw apiError('DatabaseNotFound', { database: name });
    if (database.status !== 'active' || database.move)
      throw apiError('DatabaseBusy', { database: name, status: database.move ? 'being moved' : database.status });
    const params = context.json as NewMove;
    const host = params.host === undefined ? undefined : await management.hosts.getHost(params.host);
    if (params.host !== undefined && host?.region !== database.region)
      throw apiError('HostNotFound', { host: params.host });
    const requestedBy = actorOf(context);
    const task = await management.tasks.createTask({ kind: 'move', subject: database, params, requestedBy });
    await tasks.announce(task, log);
    replyJson(context, 202, { task: shownTask(task) });
  },
];
