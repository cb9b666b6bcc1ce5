// The tags of a series: how many values each has, and the values of one, found by how they begin.

import { apiError } from '../base/errors.ts';
import type { TagValues } from '../kdb/engine.ts';
import { dataAccess, withinRate } from './access.ts';
import { engineCall } from './engine-call.ts';
import { cursor } from './page.ts';
import { askedPosition } from './position.ts';
import { replyJson } from './reply.ts';
import { readParameters, single } from './schema.ts';
import type { Context, Step } from './step.ts';

const maxPageValues = 1_000;

export const listTags: Step[] = [
  ...dataAccess('read'),
  withinRate('querySecondsPerMinute'),
  async function listTags(context: Context): Promise<void> {
    const tags = (await tagsOf(context)).map(({ tag, values }) => ({ tag, values: values.filter(isGiven).length }));
    replyJson(context, 200, { tags });
  },
];

export const listTagValues: Step[] = [
  ...dataAccess('read'),
  withinRate('querySecondsPerMinute'),
  readParameters({
    type: 'object',
    additionalProperties: false,
    properties: { prefix: single, limit: { type: 'string', pattern: '^([1-9]\\d{0,2}|1000)$' }, cursor },
  }),
  async function listTagValues(context: Context): Promise<void> {
    const { series, tag } = context.params as { series: string; tag: string };
    const { prefix = '', limit = maxPageValues, cursor: given } = context.parameters as Record<string, string>;
    const found = (await tagsOf(context)).find((each) => each.tag === tag);
    if (!found) throw apiError('TagNotFound', { series, tag });
    const after = given === undefined ? '' : Buffer.from(given, 'base64url').toString();
    const matching = found.values
      .map((value, i) => ({ value, tagSets: found.tagSets[i]! }))
      .filter(({ value }) => isGiven(value) && value.startsWith(prefix))
      .sort((a, b) => byCodePoint(a.value, b.value));
    const start = matching.findIndex(({ value }) => byCodePoint(value, after) > 0);
    const values = start < 0 ? [] : matching.slice(start, start + Number(limit));
    const isLast = start < 0 || start + values.length === matching.length;
    const next = isLast ? null : Buffer.from(values.at(-1)!.value).toString('base64url');
    replyJson(context, 200, { tag, count: matching.length, values, next });
  },
];

function tagsOf(context: Context): Promise<readonly TagValues[]> {
  const seen = askedPosition(context);
  return engineCall(context, (engine) => engine.tags(context.params['series']!, seen));
}

/** An empty value is no tag. */
function isGiven(value: string): boolean {
  return value !== '';
}

function byCodePoint(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
