import { apiError } from '../base/errors.ts';
import { nameFault } from '../base/limits.ts';
import { operatorAccess } from './access.ts';
import { readBody } from './body.ts';
import { replyJson } from './reply.ts';
import { readJson } from './schema.ts';
import type { Context, Step } from './step.ts';

export const createAccount: Step[] = [
  ...operatorAccess,
  readBody,
  readJson({
    type: 'object',
    required: ['name'],
    additionalProperties: false,
    properties: { name: { type: 'string', minLength: 1, maxLength: 255 } },
  }),
  async function createAccount(context: Context): Promise<void> {
    const { name } = context.json as { name: string };
    const reason = nameFault(name);
    if (reason) throw apiError('InvalidName', { name, reason });
    const { account, secret } = await context.services.management.accounts.createAccount(name);
    replyJson(context, 201, {
      account: { id: account.id, name: account.name, createdAt: account.createdAt },
      token: secret,
    });
  },
];
