import { coversDatabase } from '../auth/token.ts';
import { apiError } from '../base/errors.ts';
import { dayOf } from '../management/usage.ts';
import { parseTimeRange } from '../query/time-range.ts';
import { access } from './access.ts';
import { chosenAccount } from './chosen-account.ts';
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
    properties: { account: singleId, from: single, until: single },
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
    const days = await context.services.management.usage.listDays(chosenAccount(context, account), fromDay, untilDay);
    replyJson(context, 200, {
      from: fromDay,
      until: untilDay,
      days: days.filter(({ database }) => coversDatabase(token, database)),
    });
  },
];
