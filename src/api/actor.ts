import type { IncomingMessage } from 'node:http';
import type { Actor } from '../management/audit.ts';
import type { Context } from './step.ts';

/** Who makes this request, for the audit. */
export function actorOf(context: Context): Actor {
  const { token, user, services, request, requestId } = context;
  const { region, trustedProxies } = services.config;
  return {
    accountId: token!.accountId,
    userId: user?.id ?? null,
    tokenId: token!.id,
    operator: token!.operator,
    address: addressOf(request, trustedProxies),
    region,
    requestId,
  };
}

/** Each proxy adds the address that it was called from: what lies before the trusted ones' was written by the caller, and may be anything. */
function addressOf(
  { headers, socket }: Pick<IncomingMessage, 'headers' | 'socket'>,
  trustedProxies: number,
): string | null {
  const called = [String(headers['x-forwarded-for'] ?? '').split(','), socket.remoteAddress ?? '']
    .flat()
    .map((address) => address.trim())
    .filter((address) => address !== '');
  const address = called.at(-1 - trustedProxies) ?? called[0];
  return address?.slice(0, 64) ?? null;
}
