// What is defined in a database, from the management data: answered in every region, whereas the series themselves (series.ts) are asked
// of the database process.

import { apiError } from '../base/errors.ts';
import type { Series } from '../management/records.ts';
import { catalogueAccess } from './access.ts';
import { cursor, nextCursor, pageAfter } from './page.ts';
import { replyJson } from './reply.ts';
import { readParameters } from './schema.ts';
import type { Context, Step } from './step.ts';

export const listCatalogue: Step[] = [
  ...catalogueAccess,
  readParameters({ type: 'object', additionalProperties: false, properties: { cursor } }),
  async function listCatalogue(context: Context): Promise<void> {
    const { series } = context.services.management;
    const page = await series.pageOfSeries(context.database!.id, pageAfter(context));
    replyJson(context, 200, { series: page.records.map(shownDefinition), next: nextCursor(page) });
  },
];

export const getCatalogueEntry: Step[] = [
  ...catalogueAccess,
  async function getCatalogueEntry(context: Context): Promise<void> {
    const name = context.params['series']!;
    const record = await context.services.management.series.findSeries(context.database!.id, name);
    if (!record) throw apiError('SeriesNotFound', { series: name });
    replyJson(context, 200, { series: shownDefinition(record) });
  },
];

function shownDefinition({ name, tags, fields }: Series): object {
  return { name, tags, fields: Object.fromEntries(fields.map((field) => [field.name, field.type])) };
}
