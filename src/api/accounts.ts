import { apiError } from '../base/errors.ts';
import type { AccountChange, AccountPlace } from '../management/accounts.ts';
import { limitNames, limitsOf, planNames } from '../management/plans.ts';
import { type Account, accountStatuses } from '../management/records.ts';
import { localAccount } from '../management/tokens.ts';
import { access, accountAccess, operatorAccess } from './access.ts';
import { actorOf } from './actor.ts';
import { readBody } from './body.ts';
import { chosenAccount } from './chosen-account.ts';
import { requireName } from './names.ts';
import { replyJson } from './reply.ts';
import { readJson, readParameters, single } from './schema.ts';
import type { Context, Step } from './step.ts';
import { shownTask } from './tasks.ts';

const hourMs = 3_600_000;
const defaultGraceHours = 7 * 24;
const maxGraceHours = 90 * 24;
const pageLimit = 100;

const planSchema = { enum: planNames };
const limitsSchema = {
  type: 'object',
  additionalProperties: false,
  properties: Object.fromEntries(
    limitNames.map((name) => [name, { type: 'integer', nullable: true, minimum: 0, maximum: Number.MAX_SAFE_INTEGER }]),
  ),
};

export const createAccount: Step[] = [
  ...operatorAccess,
  readBody,
  readJson({
    type: 'object',
    required: ['name'],
    additionalProperties: false,
    properties: { name: { type: 'string', minLength: 1, maxLength: 255 }, plan: planSchema, limits: limitsSchema },
  }),
  async function createAccount(context: Context): Promise<void> {
    const { name, ...rest } = context.json as { name: string } & Pick<AccountChange, 'plan' | 'limits'>;
    requireName(name);
    const { accounts } = context.services.management;
    const { account, secret } = await accounts.createAccount(name, actorOf(context), rest);
    replyJson(context, 201, { account: shownAccount(account), token: secret });
  },
];

export const listAccounts: Step[] = [
  ...operatorAccess,
  readParameters({ type: 'object', additionalProperties: false, properties: { cursor: single } }),
  async function listAccounts(context: Context): Promise<void> {
    const { cursor } = context.parameters as { cursor?: string };
    const after = cursor === undefined ? undefined : readCursor(cursor);
    const accounts = await context.services.management.accounts.listAccounts({ limit: pageLimit + 1, after });
    const page = accounts.slice(0, pageLimit);
    const next = accounts.length > pageLimit ? toCursor(page.at(-1)!) : null;
    replyJson(context, 200, { accounts: page.map(shownAccount), next });
  },
];

function toCursor({ status, name }: AccountPlace): string {
  return Buffer.from(`${status}/${name}`).toString('base64url');
}

function readCursor(cursor: string): AccountPlace {
  const [, status, name] = /^(\w+)\/(.+)$/s.exec(Buffer.from(cursor, 'base64url').toString()) ?? [];
  const known = accountStatuses.find((each) => each === status);
  if (known === undefined || name === undefined)
    throw apiError('InvalidRequest', { reason: 'cursor is not one that this route gave' });
  return { status: known, name };
}

export const getAccount: Step[] = [
  ...access('read'),
  async function getAccount(context: Context): Promise<void> {
    const id = chosenAccount(context, context.params['account']);
    const account = await context.services.management.accounts.getAccount(id);
    if (!account) throw apiError('AccountNotFound', { account: id });
    replyJson(context, 200, { account: shownAccount(account) });
  },
];

export const changeAccount: Step[] = [
  ...operatorAccess,
  readBody,
  readJson({
    type: 'object',
    minProperties: 1,
    additionalProperties: false,
    properties: { plan: planSchema, limits: limitsSchema, status: { enum: ['active', 'suspended'] } },
  }),
  async function changeAccount(context: Context): Promise<void> {
    const id = chosenAccount(context, context.params['account']);
    const change = context.json as AccountChange;
    if (change.status !== undefined) refuseOperators(id);
    const account = await context.services.management.accounts.changeAccount(id, change, actorOf(context));
    replyJson(context, 200, { account: shownAccount(account) });
  },
];

export const closeAccount: Step[] = [
  ...accountAccess,
  readParameters({
    type: 'object',
    additionalProperties: false,
    properties: { 'grace-hours': { type: 'string', pattern: '^\\d{1,4}$' } },
  }),
  async function closeAccount(context: Context): Promise<void> {
    const { management, tasks, log } = context.services;
    const id = chosenAccount(context, context.params['account']);
    refuseOperators(id);
    const { 'grace-hours': wanted } = context.parameters as { 'grace-hours'?: string };
    const graceHours = wanted === undefined ? defaultGraceHours : Number(wanted);
    const least = context.token!.operator ? 0 : defaultGraceHours;
    if (graceHours < least || graceHours > maxGraceHours)
      throw apiError('InvalidRequest', { reason: `grace-hours must be from ${least} to ${maxGraceHours}` });
    const { account, task } = await management.accounts.requestClose(id, graceHours * hourMs, actorOf(context));
    // A later one is found by the sweeper when it is due.
    if (graceHours === 0) await tasks.announce(task, log);
    replyJson(context, 202, { account: shownAccount(account), task: shownTask(task) });
  },
];

/** Without its own account the operator could not act any more. */
function refuseOperators(id: string): void {
  if (id === localAccount)
    throw apiError('InvalidRequest', {
      reason: `account ${id} is the operator's own; it can be neither suspended nor closed`,
    });
}

function shownAccount(account: Account): object {
  const { id, name, status, plan, limits: overrides, overStorageBytes, closesAt, createdAt } = account;
  const overStorage = overStorageBytes !== null;
  return { id, name, status, plan, limits: limitsOf(account), overrides, overStorage, closesAt, createdAt };
}
