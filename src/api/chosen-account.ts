import { requireOperator } from '../auth/token.ts';
import type { Context } from './step.ts';

/** The caller's own account, or the one that an operator asks for. */
export function chosenAccount(context: Context, wanted: string | undefined): string {
  const token = context.token!;
  if (wanted === undefined || wanted === 'self' || wanted === token.accountId) return token.accountId;
  requireOperator(token);
  return wanted;
}
