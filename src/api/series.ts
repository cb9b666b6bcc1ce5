import { apiError } from '../base/errors.ts';
import { columnNameFault, maxFieldsPerSeries, maxTagsPerSeries, nameFault } from '../base/limits.ts';
import { formatIsoNs } from '../base/time.ts';
import type { FieldType, SeriesDefinition, SeriesInfo } from '../kdb/engine.ts';
import type { Deed } from '../management/audit.ts';
import { dataAccess } from './access.ts';
import { actorOf } from './actor.ts';
import { readBody } from './body.ts';
import { definition } from './definition.ts';
import { engineCall } from './engine-call.ts';
import { cursor, nextCursor, pageAfter } from './page.ts';
import { askedPosition } from './position.ts';
import { replyJson, replyNothing } from './reply.ts';
import { readJson, readParameters } from './schema.ts';
import type { Context, Step } from './step.ts';
import { defineStrict, dropStrict } from './strict-series.ts';

interface NewSeries {
  readonly tags?: readonly string[];
  readonly fields?: Readonly<Record<string, FieldType>>;
}

const maxPageSeries = 1_000;

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
    const deed = deedOf(context, 'defineSeries', { tags: wanted.tags, fields: wanted.fields });
    const define = context.database!.schema === 'strict' ? defineStrict : defineFlexible;
    replyJson(context, 200, { series: shownSeries(await define(context, wanted, deed)) });
  },
];

async function defineFlexible(context: Context, wanted: SeriesDefinition, deed: Deed): Promise<SeriesInfo> {
  const { management, follower } = context.services;
  await management.audit.record(deed);
  const info = await engineCall(context, (engine) => engine.define(wanted));
  follower.changed(context.database!, [wanted.series]);
  return info;
}

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
  readParameters({
    type: 'object',
    additionalProperties: false,
    properties: { limit: { type: 'string', pattern: '^([1-9]\\d{0,2}|1000)$' }, cursor },
  }),
  async function listSeries(context: Context): Promise<void> {
    const after = pageAfter(context) ?? null;
    const limit = Number(context.parameters!['limit'] ?? maxPageSeries);
    const seen = askedPosition(context);
    const page = await engineCall(context, (engine) => engine.series({ after, limit, ...seen }));
    replyJson(context, 200, { series: page.series.map(shownSeries), next: nextCursor(page) });
  },
];

export const describeSeries: Step[] = [
  ...dataAccess('read'),
  async function describeSeries(context: Context): Promise<void> {
    const { info } = await definition(context, context.params['series']!, true);
    replyJson(context, 200, { series: shownSeries(info) });
  },
];

export const dropSeries: Step[] = [
  ...dataAccess('manage'),
  async function dropSeries(context: Context): Promise<void> {
    const deed = deedOf(context, 'dropSeries');
    const drop = context.database!.schema === 'strict' ? dropStrict : dropFlexible;
    await drop(context, context.params['series']!, deed);
    replyNothing(context);
  },
];

async function dropFlexible(context: Context, name: string, deed: Deed): Promise<void> {
  const { management, follower } = context.services;
  await management.audit.record(deed);
  await engineCall(context, (engine) => engine.drop(name));
  follower.changed(context.database!, [name]);
}

/** For the audit, which is written with what the management data change, and before what the database process does. */
function deedOf(context: Context, action: string, details?: object): Deed {
  const { accountId, id, name: database } = context.database!;
  const name = context.params['series']!;
  const subject = { kind: 'series', id: `${id}/${name}`, name } as const;
  return { accountId, by: actorOf(context), action, subject, details: { database, ...details } };
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
