// The steps before a handler's own: who asks, may they, and which database is it about.

import { bearerSecret, coversDatabase, requireOperator, requireScope, requireValid } from '../auth/token.ts';
import { apiError } from '../base/errors.ts';
import type { Scope } from '../management/records.ts';
import type { Context, Step } from './step.ts';

async function authenticate(context: Context): Promise<void> {
  const secret = bearerSecret(context.request.headers.authorization);
  context.token = requireValid(await context.services.management.tokens.findToken(secret), Date.now());
}

function authorise(scope: Scope): Step {
  return function authorise(context: Context): void {
    requireScope(context.token!, scope);
  };
}

/** Step: another account's database, and one that the token is not for, do not exist as far as the caller can tell. */
export async function findDatabase(context: Context): Promise<void> {
  const name = context.params['database']!;
  const token = context.token!;
  const database = coversDatabase(token, name)
    ? await context.services.management.databases.getDatabase(token.accountId, name)
    : undefined;
  if (!database) throw apiError('DatabaseNotFound', { database: name });
  context.database = database;
}

/** Step: a database is served in its own region only. */
function requireHere(context: Context): void {
  const { name, region } = context.database!;
  const { config } = context.services;
  if (region === config.region) return;
  const endpoint = config.regionEndpoints[region];
  if (endpoint !== undefined) {
    // A request line may hold what would end the link early.
    const path = (context.request.url ?? '').replace(/[^!-~]|[<>"]/g, encodeURIComponent);
    context.response.setHeader('Link', `<${endpoint}${path}>; rel="alternate"`);
  }
  throw apiError(
    'WrongRegion',
    { database: name, region, here: config.region, endpoint: endpoint ?? 'an API of that region' },
    { extra: { region, endpoint: endpoint ?? null } },
  );
}

function requireActive(context: Context): void {
  const { name, status } = context.database!;
  if (status === 'deleting') throw apiError('DatabaseNotFound', { database: name });
  if (status === 'failed') throw apiError('DatabaseFailed', { database: name });
  if (status !== 'active') throw apiError('DatabaseNotReady', { database: name, status });
}

export function access(scope: Scope): Step[] {
  return [authenticate, authorise(scope)];
}

/** A token that may only be used for some databases manages nothing of its account. */
export const accountAccess: Step[] = [
  ...access('manage'),
  function requireWholeAccount(context: Context): void {
    if (context.token!.databases !== null) throw apiError('ScopeMissing', { scope: 'manage for all databases' });
  },
];

export const operatorAccess: Step[] = [
  authenticate,
  function authoriseOperator(context: Context): void {
    requireOperator(context.token!);
  },
];

/** For routes that speak to the database process. */
export function dataAccess(scope: Scope): Step[] {
  return [...access(scope), findDatabase, requireHere, requireActive];
}
