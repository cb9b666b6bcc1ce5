// Series of a strict database: the management data say what there is, and the database process follows. It may lag behind: whoever
// was to tell it may have ended in between. Every step here makes good what an earlier one left undone.

import { ApiError, apiError } from '../base/errors.ts';
import type { InsertPart, SeriesDefinition, SeriesInfo } from '../kdb/engine.ts';
import type { EngineError } from '../kdb/engine-error.ts';
import type { Deed } from '../management/audit.ts';
import { limitsOf } from '../management/plans.ts';
import type { Database, Series } from '../management/records.ts';
import type { SeriesCatalogue } from '../management/series.ts';
import { extended } from '../management/series-definition.ts';
import { engineCall } from './engine-call.ts';
import type { Context } from './step.ts';

/** Others define or drop in the same database at the same time, each time. */
const maxAttempts = 5;

export async function defineStrict(context: Context, wanted: SeriesDefinition, deed: Deed): Promise<SeriesInfo> {
  const { series } = context.services.management;
  const database = context.database!;
  const definition = await unlessConflict(async () => {
    // In this order: what the process had before the series was found undefined, a drop has left there.
    const { catalogueVersion } = await engineCall(context, (engine) => engine.hello());
    const before = await series.readSeries(database.id, wanted.series);
    const definition = extended(before.record ?? { tags: [], fields: [] }, wanted);
    if (!before.record) await dropInProcess(context, wanted.series, catalogueVersion);
    await series.store(database, before, definition, { maxSeries: limitsOf(context.account!).series, deed });
    return definition;
  });
  return engineCall(context, (engine) => engine.define(definition));
}

export async function dropStrict(context: Context, name: string, deed: Deed): Promise<void> {
  const { series } = context.services.management;
  const database = context.database!;
  let removed = false;
  await unlessConflict(async () => {
    const { catalogueVersion } = await engineCall(context, (engine) => engine.hello());
    const before = await series.readSeries(database.id, name);
    if (before.record) {
      // Somebody has defined it anew since it was removed.
      if (removed) return;
      await series.remove(database, name, before, deed);
      removed = true;
    }
    const dropped = await dropInProcess(context, name, catalogueVersion);
    if (!dropped && !removed) throw apiError('SeriesNotFound', { series: name });
  });
}

/**
 * After a strict database has refused a write: true when what it lacks is defined, and now in the process too, so that the write may be
 * repeated. The cache is good enough: a definition that was acknowledged is in it.
 */
export async function defineMissing(
  series: Pick<SeriesCatalogue, 'findSeries'>,
  { id }: Pick<Database, 'id'>,
  parts: readonly Pick<InsertPart, 'series'>[],
  refusal: EngineError,
  define: (definition: SeriesDefinition) => Promise<unknown>,
): Promise<boolean> {
  if (!allows(await series.findSeries(id, refusal.details['series'] ?? ''), refusal)) return false;
  const names = new Set(parts.map((part) => part.series));
  const defined = await Promise.all([...names].map((name) => series.findSeries(id, name)));
  await Promise.all(defined.map((record) => record && define(definitionOf(record))));
  return true;
}

function definitionOf({ name, tags, fields }: Series): SeriesDefinition {
  return { series: name, tags, fields };
}

function allows(record: Series | null, { code, details }: EngineError): boolean {
  if (!record) return false;
  if (code === 'SeriesNotDefined') return true;
  if (code === 'TagNotDefined') return record.tags.includes(details['tag']!);
  return code === 'FieldNotDefined' && record.fields.some(({ name }) => name === details['field']);
}

/** False when the process does not have it. Conflict when anything was defined there since the catalogue had this version. */
async function dropInProcess(context: Context, name: string, catalogueVersion: bigint): Promise<boolean> {
  try {
    await engineCall(context, (engine) => engine.drop(name, catalogueVersion));
    return true;
  } catch (error) {
    if (error instanceof ApiError && error.code === 'SeriesNotFound') return false;
    throw error;
  }
}

async function unlessConflict<T>(run: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await run();
    } catch (error) {
      if (!(error instanceof ApiError) || error.code !== 'Conflict' || attempt === maxAttempts) throw error;
    }
  }
}
