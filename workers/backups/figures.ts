// What a database answers, in few figures: per series and day, of every field how many values there are, and of numbers also the sum, the
// least and the greatest.

import type {
  Aggregate,
  AggregateOp,
  Column,
  Engine,
  FieldDefinition,
  SeriesInfo,
  SeriesPage,
} from '../../src/kdb/engine.ts';
import { EngineError } from '../../src/kdb/engine-error.ts';

const dayNs = 24n * 3_600n * 1_000_000_000n;
/** Of one question; fewer when it takes longer than a question may. */
const daysAtOnce = 128n;
const fieldsAtOnce = 8;
const seriesAtOnce = 500;

/** Integers are text: they may be larger than 2^53. Null: it has no value, or it is not a number. */
type Figure = number | string | null;
export type FieldFigures = readonly [count: number, sum: Figure, min: Figure, max: Figure];

export interface DayFigures {
  readonly series: string;
  /** Days since 1970. */
  readonly day: number;
  readonly fields: Readonly<Record<string, FieldFigures>>;
}

/** By series, then by day. What is dropped meanwhile is left out. */
export async function* figuresOf(
  engine: Pick<Engine, 'series' | 'query'>,
  signal: AbortSignal,
): AsyncGenerator<DayFigures> {
  for await (const info of allSeries(engine)) {
    try {
      yield* figuresOfSeries(engine, info, signal);
    } catch (error) {
      if (!(error instanceof EngineError && error.code === 'SeriesNotFound')) throw error;
    }
  }
}

/** In the order of their names. */
export async function* allSeries(engine: Pick<Engine, 'series'>): AsyncGenerator<SeriesInfo> {
  for (let after: string | null = null; ; ) {
    const page: SeriesPage = await engine.series({ after, limit: seriesAtOnce });
    yield* page.series;
    if (page.next === null) return;
    after = page.next;
  }
}

async function* figuresOfSeries(
  engine: Pick<Engine, 'query'>,
  { series, fields, firstNs, lastNs }: SeriesInfo,
  signal: AbortSignal,
): AsyncGenerator<DayFigures> {
  if (firstNs === null || lastNs === null) return;
  const ordered = fields.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  let days = daysAtOnce;
  for (let from = dayOf(firstNs); from <= dayOf(lastNs); ) {
    try {
      const found = new Map<number, Record<string, FieldFigures>>();
      for (let at = 0; at < ordered.length; at += fieldsAtOnce)
        await addFigures(engine, series, ordered.slice(at, at + fieldsAtOnce), { from, days }, found, signal);
      for (const [day, figures] of [...found].sort(([a], [b]) => a - b)) yield { series, day, fields: figures };
      from += days;
    } catch (error) {
      if (!(error instanceof EngineError && error.code === 'DeadlineExceeded') || days === 1n) throw error;
      days /= 2n;
    }
  }
}

async function addFigures(
  engine: Pick<Engine, 'query'>,
  series: string,
  fields: readonly FieldDefinition[],
  { from, days }: { readonly from: bigint; readonly days: bigint },
  found: Map<number, Record<string, FieldFigures>>,
  signal: AbortSignal,
): Promise<void> {
  const ask = (sum: 'sum' | 'avg') =>
    engine.query(
      {
        series,
        fromNs: from * dayNs,
        toNs: (from + days) * dayNs,
        where: null,
        by: [],
        bucket: { kind: 'width', widthNs: dayNs, originNs: 0n },
        select: fields.flatMap((field, number) => aggregatesOf(field, number, sum)),
        fields: [],
        order: 'asc',
        limit: Number(days) + 1,
        cut: false,
        after: null,
      },
      signal,
    );
  const { columns, rows } = await ask('sum').catch((error: unknown) => {
    if (error instanceof EngineError && error.code === 'LongOverflow') return ask('avg');
    throw error;
  });
  const byName = new Map(columns.map((column) => [column.name, column]));
  const times = columns.find((column) => column.kind === 'time')!;
  for (let row = 0; row < rows; row++) {
    const day = Number(dayOf(times.values[row]!));
    const figures = found.get(day) ?? {};
    found.set(day, figures);
    for (const [number, { name }] of fields.entries()) {
      const of = (op: string): Figure => figureAt(byName.get(`${op}${number}`), row);
      const count = Number(of('count'));
      if (count > 0) figures[name] = [count, of('sum'), of('min'), of('max')];
    }
  }
}

/** Names of results are numbers of fields: a field's own could be any text. */
function aggregatesOf({ name, type }: FieldDefinition, number: number, sum: 'sum' | 'avg'): Aggregate[] {
  const one = (op: AggregateOp, as: string): Aggregate => ({ op, field: name, as: `${as}${number}` });
  const count = one('count', 'count');
  if (type !== 'float' && type !== 'long') return [count];
  return [count, one(type === 'long' ? sum : 'sum', 'sum'), one('min', 'min'), one('max', 'max')];
}

function figureAt(column: Column | undefined, row: number): Figure {
  if (column?.kind === 'long') {
    const value = column.values[row]!;
    return value === -(2n ** 63n) ? null : String(value);
  }
  if (column?.kind !== 'float') return null;
  const value = column.values[row]!;
  return Number.isNaN(value) ? null : value;
}

/** Also before 1970, where division rounds up. */
function dayOf(ns: bigint): bigint {
  return ns >= 0n ? ns / dayNs : (ns + 1n) / dayNs - 1n;
}
