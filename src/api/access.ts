// The steps before a handler's own: who asks, may they, and which database is it about.

import { requireStorage } from '../auth/storage.ts';
import type { RateName } from '../auth/throttle.ts';
import { bearerSecret, coversDatabase, requireOperator, requireScope } from '../auth/token.ts';
import { apiError } from '../base/errors.ts';
import type { Account, Database, Scope, Token, User } from '../management/records.ts';
import type { Context, Step } from './step.ts';

/** Where a request has the secret of its token. */
type SecretOf = (context: Context) => string;

function bearer({ request }: Context): string {
  return bearerSecret(request.headers.authorization);
}

/** Who asks: the token, its account, its user. Waits for nothing when this process knows all of them. */
function authenticateBy(secretOf: SecretOf): Step {
  return function authenticate(context: Context): void | Promise<void> {
    const token = context.services.management.tokens.findToken(secretOf(context));
    return token instanceof Promise ? token.then((found) => identify(context, found)) : identify(context, token);
  };
}

function identify(context: Context, token: Token | undefined): void | Promise<void> {
  if (!token) throw apiError('TokenUnknown');
  const { accounts, users } = context.services.management;
  const account = accounts.findAccount(token.accountId);
  const user = token.userId === null ? undefined : users.findUser(token.accountId, token.userId);
  if (account instanceof Promise || user instanceof Promise)
    return Promise.all([account, user]).then((both) => admit(context, token, ...both));
  admit(context, token, account, user);
}

/** A closed account's tokens, and a removed user's, are as unknown as any other. */
function admit(context: Context, token: Token, account: Account | null, user: User | null | undefined): void {
  if (!account || user === null || account.status === 'closing' || account.status === 'closed')
    throw apiError('TokenUnknown');
  context.token = token;
  context.account = account;
  if (user) context.user = user;
  if (account.status === 'suspended' && context.request.method !== 'GET') throw suspended(account);
}

function suspended({ name }: Account): Error {
  return apiError('AccountSuspended', { account: name });
}

function authorise(scope: Scope): Step {
  return function authorise(context: Context): void {
    requireScope(context.token!, context.user, scope);
  };
}

/** Step: another account's database, and one that the token is not for, do not exist as far as the caller can tell. */
export function findDatabase(context: Context): void | Promise<void> {
  const name = context.params['database']!;
  const token = context.token!;
  const found = coversDatabase(token, name)
    ? context.services.management.databases.findDatabase(token.accountId, name)
    : null;
  const keep = (database: Database | null): void => {
    if (!database) throw apiError('DatabaseNotFound', { database: name });
    context.database = database;
  };
  return found instanceof Promise ? found.then(keep) : keep(found);
}

/** Step: a database is served in its own region only. */
export function requireHere(context: Context): void {
  const { name, region } = context.database!;
  const { config } = context.services;
  if (region === config.region) return;
  const endpoint = config.regionEndpoints[region];
  if (endpoint !== undefined) {
    // A request line may hold what would end the link early, or, sent to a proxy, name a host.
    const path = (context.request.url ?? '')
      .replace(/^[a-z]+:\/\/[^/]*/i, '')
      .replace(/[^!-~]|[<>"]/g, encodeURIComponent)
      // The secret, for clients that have it there.
      .replace(/([?&])p=[^&]*/g, '$1p=');
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

export function access(scope: Scope, secretOf = bearer): Step[] {
  return [authenticateBy(secretOf), authorise(scope)];
}

/** For routes whose steps look at the scope themselves. */
export function anyAccess(secretOf: SecretOf): Step[] {
  return [authenticateBy(secretOf)];
}

/** A token that may only be used for some databases manages nothing of its account. */
export const accountAccess: Step[] = [
  ...access('manage'),
  function requireWholeAccount(context: Context): void {
    if (context.token!.databases !== null) throw apiError('ScopeMissing', { scope: 'manage for all databases' });
  },
];

export const operatorAccess: Step[] = [
  authenticateBy(bearer),
  function authoriseOperator(context: Context): void {
    requireOperator(context.token!);
  },
];

/** For routes that speak to the database process. */
export function dataAccess(scope: Scope, secretOf = bearer): Step[] {
  return [
    ...access(scope, secretOf),
    function requireUsable(context: Context): void {
      if (context.account!.status === 'suspended') throw suspended(context.account!);
    },
    findDatabase,
    requireHere,
    requireActive,
  ];
}

/** For routes that read what the management data know of a database that may be in another region. */
export const catalogueAccess: Step[] = [...access('read'), findDatabase, requireActive];

/** Step: an account over a rate is refused before its body is read. */
export function withinRate(rate: RateName): Step {
  return function withinRate(context: Context): void {
    context.services.throttle.check(context.account!, rate);
  };
}

/** Step: an account that stores all it may takes no more points. */
export function withinStorage(context: Context): void {
  requireStorage(context.account!);
}
