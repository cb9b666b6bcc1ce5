// As-of joins: for each point of one series the newest one of another that is not later.
import { minTimeNs } from '../../../src/base/time.ts';
import type { AsofSpec, Column, QueryResult, Column as ResultColumn } from '../../../src/kdb/engine.ts';
import { ColumnBuilder, nullLong } from '../memory/columns.ts';
import { compareInstants, eraSpan, type Instant, instantOf, offsetLimit, timeOf } from '../memory/era.ts';
import { type Segment, segmentsById, type Window } from '../memory/row-cursor.ts';
import { lowerBound, type Run } from '../memory/run.ts';
import type { SeriesStore } from '../memory/series-store.ts';
import type { Pace } from '../pace.ts';
import { type CompiledFilter, compileFilter, fieldsNamed, tagNumber } from './filter.ts';
import { type Groups, groupTagSets } from './groups.ts';
import { rawPoints } from './raw.ts';
import { resolvedRuns } from './resolved-runs.ts';
import { fieldColumn } from './result.ts';
import type { Source } from './source.ts';

export async function asofPoints(points: Source, others: Source, spec: AsofSpec, pace: Pace): Promise<QueryResult> {
  const page = await rawPoints(points, { ...spec, by: [], bucket: null, select: [], cut: true }, pace);
  const tags = spec.by.map((tag) => page.columns[1 + tagNumber(points.series, tag)] as TagColumn);
  const filter = compileFilter(spec.other.where, others.series);
  const by = spec.by.map((tag) => tagNumber(others.series, tag));
  const groups = groupTagSets(others.series, by, filter, spec.other.where !== null);
  const { values: times } = page.columns[0] as Extract<Column, { kind: 'time' }>;
  const join = new Join(others.series, spec, times, groups, filter);
  await join.assign(tags, by, pace);
  if (join.ids.length > 0) {
    for await (const window of others.windows(join.range(), join.ids, 'desc', true)) {
      await join.take(window, pace);
      if (join.isDone) break;
    }
  }
  return { ...page, columns: [...page.columns, ...join.columns()] };
}

type TagColumn = Extract<Column, { kind: 'tag' }>;

/** The newest row found so far for a point. */
interface Found extends Instant {
  readonly id: number;
  readonly run: Run;
  readonly row: number;
}

class Join {
  readonly #series: SeriesStore;
  readonly #spec: AsofSpec;
  readonly #times: BigInt64Array;
  readonly #groups: Groups;
  readonly #wanted: readonly number[];
  readonly #fields: readonly { readonly number: number; readonly values: ColumnBuilder }[];
  readonly #matched: BigInt64Array;
  /** By group: the points without a match so far, newest first. */
  readonly #pending = new Map<number, number[]>();
  /** Tag sets that points may find theirs in, ascending. */
  ids: readonly number[] = [];

  constructor(series: SeriesStore, spec: AsofSpec, times: BigInt64Array, groups: Groups, filter: CompiledFilter) {
    this.#series = series;
    this.#spec = spec;
    this.#times = times;
    this.#groups = groups;
    this.#matched = new BigInt64Array(times.length).fill(nullLong);
    const fields = fieldsNamed(spec.other.fields, series);
    this.#wanted = [...new Set([...fields, ...filter.fields])];
    this.#fields = fields.map((number) => ({
      number,
      values: new ColumnBuilder(series.fields[number]!.type, Math.max(1, times.length)),
    }));
  }

  get isDone(): boolean {
    return this.#pending.size === 0;
  }

  /** Each point goes to the group with its values of the tags. */
  async assign(tags: readonly TagColumn[], by: readonly number[], pace: Pace): Promise<void> {
    const rows = this.#times.length;
    const byValues = new Map<string, number[]>();
    for (let i = 0; i < rows; i++) {
      const row = this.#spec.order === 'desc' ? i : rows - 1 - i;
      const key = JSON.stringify(tags.map(({ dictionary, index }) => dictionary[index[row]!]!));
      const own = byValues.get(key);
      if (own) own.push(row);
      else byValues.set(key, [row]);
      if ((i & 1023) === 1023 && pace.isDue) await pace.rest();
    }
    const { ofId } = this.#groups;
    const known = new Uint8Array(this.#groups.count);
    const ids: number[] = [];
    for (const id of this.#groups.ids) {
      const group = ofId[id]!;
      if (known[group] === 0) {
        known[group] = 1;
        const own = byValues.get(JSON.stringify(by.map((tag) => this.#series.tagSets.valueOf(id, tag))));
        if (own) this.#pending.set(group, own);
      }
      if (this.#pending.has(group)) ids.push(id);
      if ((id & 1023) === 1023 && pace.isDue) await pace.rest();
    }
    this.ids = ids;
  }

  /** Of what points may find. */
  range(): { fromNs: bigint; toNs: bigint } {
    const ends = [this.#times[0]!, this.#times.at(-1)!];
    if (ends[0]! > ends[1]!) ends.reverse();
    const { toleranceNs } = this.#spec;
    return { fromNs: toleranceNs === null ? minTimeNs : ends[0]! - toleranceNs, toNs: ends[1]! + 1n };
  }

  /** Windows come newest first: what is found in one is newer than anything in those that follow. */
  async take(window: Window, pace: Pace): Promise<void> {
    const { ofId, isTested, testOf } = this.#groups;
    const isWanted = (id: number) => this.#pending.has(ofId[id]!);
    const base = segmentsById(window.base, window, this.ids, isWanted);
    const late = segmentsById(window.late, window, this.ids, isWanted);
    const found: (Found | undefined)[] = [];
    for (const id of new Set([...base.keys(), ...late.keys()])) {
      const test = isTested ? testOf(id) : undefined;
      const ownLate = late.get(id) ?? [];
      let segments: readonly Segment[] = base.get(id) ?? [];
      if (test || ownLate.length > 0)
        segments = resolvedRuns(this.#series, id, segments, ownLate, this.#wanted, test).map((run) => ({
          run,
          start: 0,
          end: run.rows,
        }));
      await this.#search(id, segments, window.fromNs, found, pace);
    }
    for (const [group, rows] of this.#pending) {
      const left = rows.filter((row) => !this.#settle(row, found[row]));
      if (left.length === 0) this.#pending.delete(group);
      else this.#pending.set(group, left);
      if (pace.isDue) await pace.rest();
    }
  }

  async #search(
    id: number,
    segments: readonly Segment[],
    fromNs: bigint,
    found: (Found | undefined)[],
    pace: Pace,
  ): Promise<void> {
    const { toleranceNs } = this.#spec;
    let count = 0;
    for (const row of this.#pending.get(this.#groups.ofId[id]!)!) {
      const timeNs = this.#times[row]!;
      if (timeNs < fromNs) break;
      const at = instantOf(timeNs);
      const oldest = toleranceNs === null ? null : instantOf(timeNs - toleranceNs);
      for (const segment of segments) {
        const newest = newestUntil(segment, at);
        if (newest < 0) continue;
        const { run } = segment;
        const offset = run.times[newest]!;
        if (oldest && compareInstants(run.era, offset, oldest.era, oldest.offset) < 0) continue;
        const best = found[row];
        const sign = best ? compareInstants(run.era, offset, best.era, best.offset) || id - best.id : 1;
        if (sign > 0) found[row] = { era: run.era, offset, id, run, row: newest };
      }
      if ((++count & 255) === 0 && pace.isDue) await pace.rest();
    }
  }

  /** Whether the point has what it gets. */
  #settle(row: number, found: Found | undefined): boolean {
    if (!found) return false;
    this.#matched[row] = timeOf(found.era, found.offset);
    for (const { number, values } of this.#fields) {
      const column = found.run.columns[number];
      if (column) values.put(row, column, found.row);
    }
    return true;
  }

  columns(): ResultColumn[] {
    const { name, fields } = this.#series;
    return [
      { kind: 'long', name: `${name}.time`, values: this.#matched },
      ...this.#fields.map(({ number, values }) => {
        const field = fields[number]!;
        return fieldColumn(`${name}.${field.name}`, field.type, values.peek(this.#times.length));
      }),
    ];
  }
}

/** The last row of a segment that is not later; -1: all are. */
function newestUntil({ run, start, end }: Segment, at: Instant): number {
  // A sum that is not exact is far outside what the run holds.
  const offset = (at.era - run.era) * eraSpan + at.offset;
  if (offset < run.times[start]!) return -1;
  return lowerBound(run.times, Math.min(offset, offsetLimit) + 1, start, end) - 1;
}
