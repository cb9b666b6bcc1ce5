import { apiError } from '../base/errors.ts';
import type { Scope, Token } from '../management/records.ts';

/** The secret of an Authorization header: `Bearer <secret>`. */
export function bearerSecret(header: string | undefined): string {
  if (header === undefined) throw apiError('TokenMissing');
  const match = /^Bearer +(\S+) *$/i.exec(header);
  if (!match) throw apiError('TokenMissing');
  return match[1]!;
}

/** The token, if it is good at this time. */
export function requireValid(token: Token | undefined, nowMs: number): Token {
  if (!token || (token.expiresAt !== null && Date.parse(token.expiresAt) <= nowMs)) throw apiError('TokenUnknown');
  return token;
}

export function requireScope(token: Token, scope: Scope): void {
  if (!token.scopes.includes(scope)) throw apiError('ScopeMissing', { scope });
}

export function requireOperator(token: Token): void {
  if (!token.operator) throw apiError('OperatorOnly');
}

/** Whether the token is good for the database of that name in its account. */
export function coversDatabase(token: Token, database: string): boolean {
  return token.databases === null || token.databases.includes(database);
}
