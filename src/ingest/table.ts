import type { FieldType } from '../kdb/engine.ts';

/** skip: the column is not read. */
export type CellType = FieldType | 'number' | 'skip';
export const cellTypes: readonly CellType[] = ['float', 'long', 'boolean', 'string', 'number', 'skip'];

/** What the columns of a table are. Those that are neither time nor tag are fields. */
export interface TableOptions {
  readonly series: string;
  readonly timeColumn: string;
  readonly tagColumns: readonly string[];
  /** One ASCII character; of CSV only, as all below. */
  readonly delimiter: string;
  /** Names of the columns where the body has no header row; null: its first row has them. */
  readonly columns: readonly string[] | null;
  /** Of fields; others are what their first 1,000 rows look like. */
  readonly types: Readonly<Record<string, CellType>>;
  /** Such as `%d.%m.%Y %H:%M:%S` (time-pattern.ts); null: ISO 8601, or numbers in units of the precision. */
  readonly timeFormat: string | null;
}

export const defaultTable: Omit<TableOptions, 'series'> = {
  timeColumn: 'time',
  tagColumns: [],
  delimiter: ',',
  columns: null,
  types: {},
  timeFormat: null,
};
