import { apiError } from '../base/errors.ts';
import { columnNameFault, maxFieldsPerSeries, maxTagsPerSeries, nameFault } from '../base/limits.ts';
import { formatIsoNs } from '../base/time.ts';
import type { FieldType, SeriesDefinition, SeriesInfo } from '../kdb/engine.ts';
import { dataAccess } from './access.ts';
import { actorOf } from './actor.ts';
import { readBody } from './body.ts';
import { definition } from './definition.ts';
import { engineCall } from './engine-call.ts';
import { replyJson, replyNothing } from './reply.ts';
import { readJson } from './schema.ts';
import type { Context, Step } from './step.ts';

interface NewSeries {
  readonly tags?: readonly string[];
  readonly fields?: Readonly<Record<string, FieldType>>;
}

/** Creates the series or adds to it. */
export const defineSeries: Step[] = [
  ...dataAccess('write'),
  readBody,
  readJson({
    type: 'object',
    additionalProperties: false,
    properties: {
      tags: { type: 'array', maxItems: maxTagsPerSeries, uniqueItems: true, items: { type: 'string' } },
      fields: {
        type: 'object',
        maxProperties: maxFieldsPerSeries,
        additionalProperties: { enum: ['float', 'long', 'boolean', 'string'] },
      },
    },
  }),
  async function defineSeries(context: Context): Promise<void> {
    const wanted = toDefinition(context.params['series']!, context.json as NewSeries);
    await record(context, 'defineSeries', { tags: wanted.tags, fields: wanted.fields });
    const info = await engineCall(context, (engine) => engine.define(wanted));
    replyJson(context, 200, { series: shownSeries(info) });
  },
];

function toDefinition(series: string, { tags = [], fields = {} }: NewSeries): SeriesDefinition {
  const check = (name: string, reason: string | null): void => {
    if (reason) throw apiError('InvalidName', { name, reason });
  };
  check(series, nameFault(series));
  for (const name of [...tags, ...Object.keys(fields)]) check(name, columnNameFault(name));
  return { series, tags, fields: Object.entries(fields).map(([name, type]) => ({ name, type })) };
}

export const listSeries: Step[] = [
  ...dataAccess('read'),
  async function listSeries(context: Context): Promise<void> {
    const { series } = await engineCall(context, (engine) => engine.stats());
    replyJson(context, 200, { series: series.map(shownSeries) });
  },
];

export const describeSeries: Step[] = [
  ...dataAccess('read'),
  async function describeSeries(context: Context): Promise<void> {
    const { info } = await definition(context, true);
    replyJson(context, 200, { series: shownSeries(info) });
  },
];

export const dropSeries: Step[] = [
  ...dataAccess('manage'),
  async function dropSeries(context: Context): Promise<void> {
    await record(context, 'dropSeries');
    await engineCall(context, (engine) => engine.drop(context.params['series']!));
    replyNothing(context);
  },
];

/** The audit of what the database process does is written before it is done. */
async function record(context: Context, action: string, details?: object): Promise<void> {
  const { accountId, id, name: database } = context.database!;
  const name = context.params['series']!;
  await context.services.management.audit.record({
    accountId,
    by: actorOf(context),
    action,
    subject: { kind: 'series', id: `${id}/${name}`, name },
    details: { database, ...details },
  });
}

function shownSeries({ series, tags, fields, tagSets, rows, firstNs, lastNs }: SeriesInfo): object {
  return {
    name: series,
    tags,
    fields: Object.fromEntries(fields.map(({ name, type }) => [name, type])),
    tagSets: Number(tagSets),
    rows: Number(rows),
    first: firstNs === null ? null : formatIsoNs(firstNs),
    last: lastNs === null ? null : formatIsoNs(lastNs),
  };
}
