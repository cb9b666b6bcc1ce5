import { coversDatabase } from '../auth/token.ts';
import { apiError } from '../base/errors.ts';
import type { SchemaMode } from '../kdb/engine.ts';
import type { DatabaseSettings } from '../management/databases.ts';
import { limitsOf } from '../management/plans.ts';
import type { Database } from '../management/records.ts';
import { access, accountAccess, findDatabase } from './access.ts';
import { actorOf } from './actor.ts';
import { readBody } from './body.ts';
import { requireName } from './names.ts';
import { replyJson } from './reply.ts';
import { readJson, readParameters, single } from './schema.ts';
import type { Context, Step } from './step.ts';
import { shownTask } from './tasks.ts';

interface NewDatabase {
  readonly name: string;
  readonly volumes?: number;
  readonly schema?: SchemaMode;
  readonly region?: string;
  readonly futureHours?: number | null;
  readonly spill?: boolean;
}

const defaultVolumes = 2;
/** A host has at most this many volumes. */
export const maxVolumes = 16;
/** All the time that there is. */
const maxRetentionDays = 203_000;
const futureHours = { type: 'integer', nullable: true, minimum: 0, maximum: 24 * maxRetentionDays } as const;

export const createDatabase: Step[] = [
  ...accountAccess,
  readBody,
  readJson({
    type: 'object',
    required: ['name'],
    additionalProperties: false,
    properties: {
      name: { type: 'string', minLength: 1, maxLength: 255 },
      volumes: { type: 'integer', minimum: 1, maximum: maxVolumes },
      schema: { enum: ['flexible', 'strict'] },
      region: { type: 'string', minLength: 1, maxLength: 64 },
      futureHours,
      spill: { type: 'boolean' },
    },
  }),
  async function createDatabase(context: Context): Promise<void> {
    const { config, management, tasks, log } = context.services;
    const asked = context.json as NewDatabase;
    const { name, volumes = defaultVolumes, schema = 'flexible', region = config.region } = asked;
    requireName(name);
    requireRegion(context, region);
    const { id: accountId } = context.account!;
    const maxDatabases = limitsOf(context.account!).databases;
    const { database, task } = await management.databases.createDatabase(
      { ...asked, accountId, volumes, schema, region, maxDatabases },
      actorOf(context),
    );
    await tasks.announce(task, log);
    replyJson(context, 202, { database: shownDatabase(context, database), task: shownTask(task) });
  },
];

export const listDatabases: Step[] = [
  ...access('read'),
  async function listDatabases(context: Context): Promise<void> {
    const { accountId } = context.token!;
    const databases = await context.services.management.databases.listDatabases(accountId);
    replyJson(context, 200, {
      databases: databases
        .filter(({ name }) => coversDatabase(context.token!, name))
        .map((database) => shownDatabase(context, database)),
    });
  },
];

export const getDatabase: Step[] = [
  ...access('read'),
  findDatabase,
  function getDatabase(context: Context): void {
    replyJson(context, 200, { database: shownDatabase(context, context.database!) });
  },
];

const cronText = { type: 'string', nullable: true, minLength: 1, maxLength: 100 } as const;

export const changeDatabase: Step[] = [
  ...accountAccess,
  findDatabase,
  readBody,
  readJson({
    type: 'object',
    minProperties: 1,
    additionalProperties: false,
    properties: {
      retentionDays: { type: 'integer', nullable: true, minimum: 1, maximum: maxRetentionDays },
      futureHours,
      spill: { type: 'boolean' },
      schedules: {
        type: 'object',
        additionalProperties: false,
        properties: { backup: cronText, retention: cronText },
      },
    },
  }),
  async function changeDatabase(context: Context): Promise<void> {
    const { accountId, name } = context.database!;
    const settings = context.json as DatabaseSettings;
    const { databases } = context.services.management;
    const database = await databases.changeSettings(accountId, name, settings, actorOf(context));
    replyJson(context, 200, { database: shownDatabase(context, database) });
  },
];

export const deleteDatabase: Step[] = [
  ...accountAccess,
  findDatabase,
  readParameters({
    type: 'object',
    additionalProperties: false,
    properties: { confirm: single, finalBackup: { enum: ['true', 'false'] } },
  }),
  async function deleteDatabase(context: Context): Promise<void> {
    const { management, tasks, log } = context.services;
    const { confirm, finalBackup } = context.parameters!;
    if (confirm !== context.database!.name)
      throw apiError('DeletionNotConfirmed', { database: context.database!.name });
    const { database, task } = await management.databases.requestDelete(
      context.token!.accountId,
      context.database!.name,
      actorOf(context),
      { finalBackup: finalBackup !== 'false' },
    );
    await tasks.announce(task, log);
    replyJson(context, 202, { database: shownDatabase(context, database), task: shownTask(task) });
  },
];

export function requireRegion({ services }: Context, region: string): void {
  const regions = Object.keys(services.config.regionEndpoints);
  if (regions.includes(region)) return;
  const reason = `body.region: ${region} is not a region of this service; it has ${regions.join(', ')}`;
  throw apiError('InvalidRequest', { reason });
}

/** `endpoint` is the API of its region; the process behind it stays inside. */
export function shownDatabase(context: Context, database: Database): object {
  const { name, region, status, volumes, schema, retentionDays, futureHours, spill, schedules, createdAt } = database;
  const endpoint = context.services.config.regionEndpoints[region] ?? null;
  return { name, region, endpoint, status, volumes, schema, retentionDays, futureHours, spill, schedules, createdAt };
}
