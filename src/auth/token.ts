import { apiError } from '../base/errors.ts';
import { type Role, type Scope, scopes, type Token, type User } from '../management/records.ts';

/** The secret of an Authorization header: `Bearer <secret>`. */
export function bearerSecret(header: string | undefined): string {
  if (header === undefined) throw apiError('TokenMissing');
  const match = /^Bearer +(\S+) *$/i.exec(header);
  if (!match) throw apiError('TokenMissing');
  return match[1]!;
}

/**
 * As clients of other databases send it: `Token <secret>`, or as the password of anybody, by Basic, as `Token <user>:<secret>` or, last, as a
 * parameter.
 */
export function compatibleSecret(header: string | undefined, password: string | undefined): string {
  const [, scheme, value] = /^(Token|Basic) +(\S+) *$/i.exec(header ?? '') ?? [];
  if (value === undefined) return header === undefined && password ? password : bearerSecret(header);
  const given = scheme!.toLowerCase() === 'basic' ? Buffer.from(value, 'base64').toString() : value;
  const secret = given.slice(given.indexOf(':') + 1);
  if (secret === '') throw apiError('TokenMissing');
  return secret;
}

/** What the role of a token's user leaves of its scopes. */
const roleScopes: Readonly<Record<Role, readonly Scope[]>> = {
  owner: scopes,
  member: ['read', 'write'],
  viewer: ['read'],
};

/** A token may do what it has the scope for, and its user, if it is a user's, the role. */
export function requireScope(token: Token, user: User | undefined, scope: Scope): void {
  if (!token.scopes.includes(scope)) throw apiError('ScopeMissing', { scope });
  if (user && !roleScopes[user.role].includes(scope)) throw apiError('RoleMissing', { role: user.role, scope });
}

export function requireOperator(token: Token): void {
  if (!token.operator) throw apiError('OperatorOnly');
}

/** Whether the token is good for the database of that name in its account. */
export function coversDatabase(token: Token, database: string): boolean {
  return token.databases === null || token.databases.includes(database);
}
