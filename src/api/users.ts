import { ApiError } from '../base/errors.ts';
import { limitsOf } from '../management/plans.ts';
import { type Role, roles, type User } from '../management/records.ts';
import { accountAccess } from './access.ts';
import { actorOf } from './actor.ts';
import { readBody } from './body.ts';
import { requireName } from './names.ts';
import { cursor, nextCursor, pageAfter } from './page.ts';
import { replyJson, replyNothing } from './reply.ts';
import { readJson, readParameters } from './schema.ts';
import type { Context, Step } from './step.ts';

export const createUser: Step[] = [
  ...accountAccess,
  readBody,
  readJson({
    type: 'object',
    required: ['name', 'role'],
    additionalProperties: false,
    properties: { name: { type: 'string', minLength: 1, maxLength: 255 }, role: { enum: roles } },
  }),
  async function createUser(context: Context): Promise<void> {
    const { name, role } = context.json as { name: string; role: Role };
    requireName(name);
    const { accountId } = context.token!;
    const maxUsers = limitsOf(context.account!).users;
    const { users } = context.services.management;
    const user = await users.createUser({ accountId, name, role, maxUsers }, actorOf(context));
    replyJson(context, 201, { user: shownUser(user) });
  },
];

export const listUsers: Step[] = [
  ...accountAccess,
  readParameters({ type: 'object', additionalProperties: false, properties: { cursor } }),
  async function listUsers(context: Context): Promise<void> {
    const { users } = context.services.management;
    const page = await users.pageOfUsers(context.token!.accountId, pageAfter(context));
    replyJson(context, 200, { users: page.records.map(shownUser), next: nextCursor(page) });
  },
];

export const changeUser: Step[] = [
  ...accountAccess,
  readBody,
  readJson({
    type: 'object',
    required: ['role'],
    additionalProperties: false,
    properties: { role: { enum: roles } },
  }),
  async function changeUser(context: Context): Promise<void> {
    const { role } = context.json as { role: Role };
    const { users } = context.services.management;
    const user = await users.changeRole(context.token!.accountId, context.params['user']!, role, actorOf(context));
    replyJson(context, 200, { user: shownUser(user) });
  },
];

export const removeUser: Step[] = [
  ...accountAccess,
  async function removeUser(context: Context): Promise<void> {
    const { users, tokens } = context.services.management;
    const { accountId } = context.token!;
    const id = context.params['user']!;
    const by = actorOf(context);
    try {
      await users.removeUser(accountId, id, by);
    } catch (error) {
      // An earlier removal may have broken off here.
      if (error instanceof ApiError && error.code === 'UserNotFound') await tokens.revokeTokens(accountId, id, by);
      throw error;
    }
    // They are good for nothing any more; a crash before this only leaves them in the list, until it is asked for again or the list is full.
    await tokens.revokeTokens(accountId, id, by);
    replyNothing(context);
  },
];

function shownUser({ id, name, role, createdAt }: User): object {
  return { id, name, role, createdAt };
}
