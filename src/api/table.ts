// The parameters of a write that say what the columns of a CSV, or the members of NDJSON rows, are.

import { apiError } from '../base/errors.ts';
import { type CellType, cellTypes, defaultTable, type TableOptions } from '../ingest/table.ts';
import { single } from './schema.ts';
import type { Parameters } from './step.ts';

export const tableParameters = {
  series: single,
  'time-column': single,
  'tag-columns': single,
  delimiter: { enum: [',', ';', '|', '\t'] },
  columns: single,
  types: single,
  'time-format': single,
} as const;

/** Undefined when none is given. */
export function tableOf(parameters: Parameters): TableOptions | undefined {
  const given = (name: keyof typeof tableParameters): string | undefined => parameters[name] as string | undefined;
  const series = given('series');
  if (series === undefined) {
    const stray = Object.keys(tableParameters).find((name) => parameters[name] !== undefined);
    if (stray !== undefined) throw apiError('InvalidRequest', { reason: `query string: ${stray} needs series too` });
    return undefined;
  }
  return {
    series,
    timeColumn: given('time-column') ?? defaultTable.timeColumn,
    tagColumns: names(given('tag-columns')) ?? defaultTable.tagColumns,
    delimiter: given('delimiter') ?? defaultTable.delimiter,
    columns: names(given('columns')) ?? defaultTable.columns,
    types: typesOf(given('types')),
    timeFormat: given('time-format') ?? defaultTable.timeFormat,
  };
}

function names(list: string | undefined): readonly string[] | undefined {
  return list?.split(',').filter((name) => name !== '');
}

/** `usage:float,note:skip`. */
function typesOf(list: string | undefined): Record<string, CellType> {
  const types: Record<string, CellType> = Object.create(null);
  for (const entry of names(list) ?? []) {
    const colon = entry.lastIndexOf(':');
    const type = cellTypes.find((each) => each === entry.slice(colon + 1));
    if (colon < 1 || type === undefined) {
      throw apiError('InvalidRequest', { reason: `types: ${entry} is not column:type (${cellTypes.join(', ')})` });
    }
    types[entry.slice(0, colon)] = type;
  }
  return types;
}
