import { coversDatabase } from '../auth/token.ts';
import { apiError } from '../base/errors.ts';
import { dayOf } from '../management/usage.ts';
import { parseTimeRange } from '../query/time-range.ts';
import { access } from './access.ts';
import { chosenAccount } from './chosen-account.ts';
import { cursor, nextCursor, pageAfter } from './page.ts';
import { replyJson } from './reply.ts';
import { readParameters, single, singleId } from './schema.ts';
import type { Context, Step } from './step.ts';

const dayMs = 24 * 3_600_000;
const defaultDays = 30;
/** As long as usage is kept. */
const maxDays = 400;

export const listUsage: Step[] = [
  ...access('read'),
  readParameters({
    type: 'object',
    additionalProperties: false,
    properties: { account: singleId, from: single, until: single, cursor },
  }),
  async function listUsage(context: Context): Promise<void> {
    const { account, from, until } = context.parameters as Readonly<Record<string, string | undefined>>;
    const token = context.token!;
    const nowNs = context.services.nowNs();
    const range = parseTimeRange(from ?? `-${defaultDays - 1}d`, until ?? 'now', nowNs);
    const [fromMs, untilMs] = [range.fromNs, range.toNs].map((ns) => Number(ns / 1_000_000n)) as [number, number];
    if (untilMs - fromMs > maxDays * dayMs)
      throw apiError('InvalidRequest', { reason: `from and until are more than ${maxDays} days apart` });
    // Whole days: the one that `until` lies in counts, unless it only begins there.
    const [fromDay, untilDay] = [dayOf(fromMs), dayOf(untilMs - 1 + dayMs)];
    const beginDay = pageAfter(context) ?? fromDay;
    if (!/^\d{4}-\d\d-\d\d$/.test(beginDay) || beginDay < fromDay || beginDay > untilDay)
      throw apiError('InvalidRequest', { reason: 'cursor is not one that this route gave for these days' });
    const { usage } = context.services.management;
    const page = await usage.pageOfDays(chosenAccount(context, account), beginDay, untilDay);
    replyJson(context, 200, {
      from: fromDay,
      until: untilDay,
      days: page.records.filter(({ database }) => coversDatabase(token, database)),
      next: nextCursor(page),
    });
  },
];
