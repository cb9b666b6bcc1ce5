import { supportsField } from '../../../../src/kdb/aggregates.ts';
import type { Aggregate } from '../../../../src/kdb/engine.ts';
import { EngineError } from '../../../../src/kdb/engine-error.ts';
import type { SeriesStore } from '../../memory/series-store.ts';
import { fieldNumber } from '../filter.ts';
import type { FieldCells } from './cells.ts';
import { ChangeCells, changeOps } from './changes.ts';
import { DistinctCells } from './distinct.ts';
import { MomentCells } from './moments.ts';
import { NumberCells } from './numbers.ts';
import { RankCells } from './ranks.ts';
import { ValueCells } from './values.ts';
import { WeightedCells } from './weighted.ts';

export interface Selected {
  /** What rows are added to, and by which field. */
  readonly fields: readonly { readonly field: number; readonly cells: FieldCells }[];
  /** What each aggregate is asked of. */
  readonly sources: readonly FieldCells[];
  /** Whether rows of a tag set have to come in the order of time. */
  readonly isOrdered: boolean;
}

/** The numbers of the fields that aggregates read, each once. */
export function fieldsOfSelect(select: readonly Aggregate[], series: SeriesStore): readonly number[] {
  return [...new Set(select.flatMap(({ field, weight }) => (weight === undefined ? [field] : [field, weight])))].map(
    (name) => fieldNumber(series, name),
  );
}

/** Aggregates of one field that have something in common share their cells. `exact`: longs may be any. */
export function cellsOfSelect(select: readonly Aggregate[], series: SeriesStore, exact: boolean): Selected {
  for (const aggregate of select) checkAggregate(aggregate, series);
  const byField = Map.groupBy(select, ({ field }) => field);
  const known = new Map<string, { readonly field: number; readonly cells: FieldCells }>();
  const sources = select.map((aggregate) => {
    const field = fieldNumber(series, aggregate.field);
    const [kind, create] = cellsOf(aggregate, series, byField.get(aggregate.field)!, exact);
    const key = `${field} ${kind}`;
    let entry = known.get(key);
    if (!entry) {
      entry = { field, cells: create() };
      known.set(key, entry);
    }
    return entry.cells;
  });
  return { fields: [...known.values()], sources, isOrdered: select.some(({ op }) => changeOps.has(op)) };
}

function checkAggregate({ op, field, weight, p = 50 }: Aggregate, series: SeriesStore): void {
  if (!(p >= 0 && p <= 100)) throw new EngineError('BadCall', `a percentile of ${p} is not from 0 to 100`);
  for (const name of weight === undefined ? [field] : [field, weight]) {
    const { type } = series.fields[fieldNumber(series, name)]!;
    if (!supportsField(op, type)) throw new EngineError('AggregationNotSupported', op, name, type);
  }
}

function cellsOf(
  { op, field: name, weight }: Aggregate,
  series: SeriesStore,
  ofField: readonly Aggregate[],
  exact: boolean,
): [kind: string, create: () => FieldCells] {
  switch (op) {
    case 'stddev':
    case 'variance':
      return ['moments', () => new MomentCells()];
    case 'twa':
    case 'increase':
    case 'delta':
    case 'rate':
    case 'derivative':
    case 'integral':
      return ['changes', () => new ChangeCells(ofField.map((one) => one.op).filter((one) => changeOps.has(one)))];
    case 'median':
    case 'percentile': {
      const ranks = ofField.filter((one) => one.op === 'median' || one.op === 'percentile');
      return ['ranks', () => new RankCells([...new Set(ranks.map(({ p = 50 }) => p))])];
    }
    case 'distinct':
      return ['distinct', () => new DistinctCells()];
    case 'wavg': {
      const number = fieldNumber(series, weight!);
      return [`weighted ${number}`, () => new WeightedCells(number)];
    }
    default: {
      const field = series.fields[fieldNumber(series, name)]!;
      const isNumber = field.type === 'float' || (field.type === 'long' && !exact);
      return [
        'values',
        () => (isNumber ? new NumberCells(field, new Set(ofField.map((one) => one.op))) : new ValueCells(field)),
      ];
    }
  }
}
