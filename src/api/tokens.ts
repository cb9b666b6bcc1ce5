import { apiError } from '../base/errors.ts';
import { limitsOf } from '../management/plans.ts';
import { type Scope, scopes, type Token } from '../management/records.ts';
import { accountAccess } from './access.ts';
import { actorOf } from './actor.ts';
import { readBody } from './body.ts';
import { requireName } from './names.ts';
import { cursor, nextCursor, pageAfter } from './page.ts';
import { replyJson, replyNothing } from './reply.ts';
import { readJson, readParameters, single, singleId } from './schema.ts';
import type { Context, Step } from './step.ts';

interface NewToken {
  /** Id of a user, or null: the account's own. Without it, it is its creator's. */
  readonly user?: string | null;
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly databases?: readonly string[];
  readonly expiresAt?: string;
}

/** All of them stand in the record that every request looks up. */
const maxDatabases = 100;

export const createToken: Step[] = [
  ...accountAccess,
  readBody,
  readJson({
    type: 'object',
    required: ['name', 'scopes'],
    additionalProperties: false,
    properties: {
      user: { ...singleId, nullable: true },
      name: { type: 'string', minLength: 1, maxLength: 255 },
      scopes: { type: 'array', minItems: 1, uniqueItems: true, items: { enum: scopes } },
      databases: {
        type: 'array',
        minItems: 1,
        maxItems: maxDatabases,
        uniqueItems: true,
        items: { type: 'string', minLength: 1, maxLength: 255 },
      },
      expiresAt: { type: 'string', maxLength: 40 },
    },
  }),
  async function createToken(context: Context): Promise<void> {
    const input = context.json as NewToken;
    for (const name of [input.name, ...(input.databases ?? [])]) requireName(name);
    const expiresMs = input.expiresAt === undefined ? undefined : Date.parse(input.expiresAt);
    if (expiresMs !== undefined && !(expiresMs > context.services.management.clock()))
      throw apiError('InvalidRequest', { reason: 'body.expiresAt must be an ISO 8601 time in the future' });
    const { token, secret } = await context.services.management.tokens.createToken(
      {
        accountId: context.token!.accountId,
        userId: input.user === undefined ? context.token!.userId : input.user,
        name: input.name,
        scopes: input.scopes,
        databases: input.databases ?? null,
        expiresAt: expiresMs === undefined ? null : new Date(expiresMs).toISOString(),
        maxTokens: limitsOf(context.account!).tokens,
      },
      actorOf(context),
    );
    replyJson(context, 201, { token: shown(token), secret });
  },
];

export const listTokens: Step[] = [
  ...accountAccess,
  readParameters({ type: 'object', additionalProperties: false, properties: { user: single, cursor } }),
  async function listTokens(context: Context): Promise<void> {
    const { user } = context.parameters!;
    const { tokens } = context.services.management;
    const page = await tokens.pageOfTokens(context.token!.accountId, pageAfter(context));
    const wanted = page.records.filter(({ userId }) => user === undefined || userId === user);
    replyJson(context, 200, { tokens: wanted.map(shown), next: nextCursor(page) });
  },
];

export const revokeToken: Step[] = [
  ...accountAccess,
  async function revokeToken(context: Context): Promise<void> {
    await context.services.management.tokens.revokeToken(
      context.token!.accountId,
      context.params['token']!,
      actorOf(context),
    );
    replyNothing(context);
  },
];

/** Everything but the hash, which is as good as the secret for nobody but is nobody's business. */
function shown(token: Token): object {
  const { id, userId, name, scopes, databases, operator, expiresAt, createdAt } = token;
  return { id, user: userId, name, scopes, databases, operator, expiresAt, createdAt };
}
