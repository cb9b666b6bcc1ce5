import type { PointFault } from '../base/errors.ts';
import type { InsertPart } from '../kdb/engine.ts';
import { EngineError } from '../kdb/engine-error.ts';
import type { AllowedTimes } from './allowed-times.ts';
import { Budget } from './budget.ts';
import { Faults, shown } from './fault-list.ts';
import { refusedPoints, withoutRefused } from './faults.ts';
import { withoutRows } from './part-rows.ts';
import type { Refusal } from './refusal.ts';
import { checkSeriesName, SeriesRows, type TimeSpan } from './series.ts';
import type { TableOptions } from './table.ts';

/** Units of integer times, as the zeros that make nanoseconds of them. */
export const precisions = { ns: 0, us: 3, ms: 6, s: 9 } as const;
export type Precision = keyof typeof precisions;

export interface DecodeOptions {
  readonly precision: Precision;
  /** The time of points that give none. */
  readonly nowNs: bigint;
  /** What the columns of rows are that do not say it themselves: CSV, and NDJSON of plain rows. */
  readonly table?: TableOptions;
  /** Good points stay beside bad ones. */
  readonly partial?: boolean;
  /** How many faults are named: 100. */
  readonly maxNamed?: number;
  /** Without it, all that an int64 holds. */
  readonly times?: AllowedTimes;
}

export type BatchOptions = Pick<DecodeOptions, 'partial' | 'maxNamed' | 'times'>;

/** One decoded request. With any fault nothing of it is to be written, and there are no parts, unless `partial` was asked for. */
export interface Batch {
  readonly parts: readonly InsertPart[];
  readonly points: number;
  /** Points that the body holds, bad ones included. */
  readonly lines: number;
  /** The first of them by name, in the order of their lines. */
  readonly faults: readonly PointFault[];
  readonly faultCount: number;
  /** Points that are left out because they say that there is no value; absent where none can. */
  readonly withoutValue?: number;
  /** Of its points; absent for those of files. */
  readonly span?: Readonly<TimeSpan>;
  /** Line numbers of each part's points, by row. */
  readonly lineNumbers: readonly Int32Array[];
}

/** Collects the points of a request, one SeriesRows per series. */
export class BatchBuilder {
  readonly faults: Faults;
  lines = 0;
  readonly budget: Budget;
  private readonly series: SeriesRows[] = [];
  private readonly byName = new Map<string, SeriesRows>();
  private readonly partial: boolean;
  private readonly maxNamed: number | undefined;
  private readonly times: AllowedTimes | undefined;

  constructor(bodyBytes: number, { partial = false, maxNamed, times }: BatchOptions = {}) {
    this.budget = new Budget(bodyBytes);
    this.partial = partial;
    this.maxNamed = maxNamed;
    this.times = times;
    this.faults = new Faults(maxNamed);
  }

  /** The rows of a series, made when it is new. */
  seriesRows(name: string): SeriesRows | Refusal {
    const known = this.byName.get(name);
    if (known !== undefined) return known;
    const refusal = checkSeriesName(name);
    if (refusal !== null) return refusal;
    const rows = new SeriesRows(name, this.series.length, this.budget);
    this.byName.set(name, rows);
    this.series.push(rows);
    return rows;
  }

  finish(): Batch {
    const { lines } = this;
    if (this.times !== undefined) for (const rows of this.series) this.checkTimes(rows, this.times);
    const { faults, faultCount } = this.faults.found;
    if (faultCount > 0 && !this.partial) return { parts: [], points: 0, lines, faults, faultCount, lineNumbers: [] };
    const given = this.series.filter(({ rows }) => rows > 0);
    const batch: Batch = {
      parts: given.map((rows) => rows.finish()),
      points: given.reduce((sum, { rows }) => sum + rows, 0),
      span: spanOf(given),
      lines,
      faults,
      faultCount,
      lineNumbers: given.map((rows) => rows.lines),
    };
    // They have left tag sets behind, at least.
    const good = faultCount > 0 ? withoutRows(batch, (part, row) => given[part]!.isSpoiled(row)) : batch;
    const clash = tagFieldClash(good);
    if (clash === null) return good;
    return this.partial
      ? withoutRefused(good, clash, this.maxNamed)!
      : { ...good, parts: [], points: 0, ...refusedPoints(good, clash) };
  }

  private checkTimes(rows: SeriesRows, times: AllowedTimes): void {
    rows.eachRefusedTime(times, (line, code, timeNs) => {
      if (!this.faults.wanted) this.faults.count++;
      else
        this.faults.add({ line, series: shown(rows.name), column: 'time', code, message: times.message(code, timeNs) });
    });
  }
}

function spanOf(series: readonly SeriesRows[]): TimeSpan {
  const span = { firstNs: Number.POSITIVE_INFINITY, lastNs: Number.NEGATIVE_INFINITY };
  for (const rows of series) rows.widen(span);
  return span;
}

/** What the engine would say of a name that the request itself uses both as a tag and as a field. */
function tagFieldClash({ parts }: Batch): EngineError | null {
  for (const { series, tagNames, fields } of parts) {
    const field = fields.find(({ name }) => tagNames.includes(name));
    if (field) return new EngineError('TagFieldClash', series, field.name);
  }
  return null;
}
