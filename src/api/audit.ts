import { apiError } from '../base/errors.ts';
import type { Actor, AuditEntry } from '../management/audit.ts';
import { parseTimeRange } from '../query/time-range.ts';
import { accountAccess } from './access.ts';
import { chosenAccount } from './chosen-account.ts';
import { replyJson } from './reply.ts';
import { readParameters, single, singleId } from './schema.ts';
import type { Context, Step } from './step.ts';

const defaultLimit = 100;

export const listAudit: Step[] = [
  ...accountAccess,
  readParameters({
    type: 'object',
    additionalProperties: false,
    properties: {
      account: singleId,
      from: single,
      until: single,
      limit: { type: 'string', pattern: '^([1-9]\\d{0,2}|1000)$' },
      cursor: single,
    },
  }),
  async function listAudit(context: Context): Promise<void> {
    const { account, from, until, limit, cursor } = context.parameters as Readonly<Record<string, string | undefined>>;
    const { fromNs, toNs } = parseTimeRange(from, until, context.services.nowNs());
    const { entries, next } = await context.services.management.audit.listEntries({
      accountId: chosenAccount(context, account),
      fromMs: from === undefined ? undefined : toMs(fromNs),
      untilMs: until === undefined ? undefined : toMs(toNs),
      limit: limit === undefined ? defaultLimit : Number(limit),
      after: cursor === undefined ? undefined : readCursor(cursor),
    });
    const { operator } = context.token!;
    replyJson(context, 200, {
      entries: entries.map((entry) => shownEntry(entry, operator)),
      next: next === null ? null : Buffer.from(next).toString('base64url'),
    });
  },
];

/** Entries have whole milliseconds: one at .0005 comes after all of .000. */
function toMs(ns: bigint): number {
  return Math.max(0, Math.ceil(Number(ns) / 1e6));
}

function readCursor(cursor: string): string {
  const place = Buffer.from(cursor, 'base64url').toString();
  if (!/^\d{4}-[\dT:.-]+Z#[\da-f-]{36}$/.test(place))
    throw apiError('InvalidRequest', { reason: 'cursor is not one that this route gave' });
  return place;
}

function shownEntry({ id, at, action, subject, details, by }: AuditEntry, toOperator: boolean): object {
  return { id, at, action, subject, details, by: shownActor(by, toOperator) };
}

/** Customers see that the operator acted, not from where. */
function shownActor(
  { accountId, userId, tokenId, operator, address, region, requestId }: Actor,
  toOperator: boolean,
): object {
  const kind = operator ? 'operator' : userId !== null ? 'user' : tokenId !== null ? 'token' : 'service';
  const shown = { kind, user: userId, token: tokenId, address, region, requestId };
  if (toOperator) return { ...shown, account: accountId };
  return operator ? { ...shown, user: null, token: null, address: null } : shown;
}
