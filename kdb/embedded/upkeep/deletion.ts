import { serialize } from 'node:v8';
import { floorDiv, maxTimeNs, minTimeNs } from '../../../src/base/time.ts';
import type { DeleteSpec } from '../../../src/kdb/engine.ts';
import { compareInstants, dayNs, instantOf } from '../memory/era.ts';
import { type NewestValue, noEra, pageIds } from '../memory/latest.ts';
import { RowCursor, segmentsById } from '../memory/row-cursor.ts';
import type { SeriesStore } from '../memory/series-store.ts';
import { Pace } from '../pace.ts';
import { type CompiledFilter, compileFilter } from '../query/filter.ts';
import type { Source } from '../query/source.ts';
import type { Entry } from '../storage/journal.ts';
import type { Days, PartSet } from '../storage/parts.ts';
import type { SavedSeries, State } from '../storage/state.ts';
import type { Deletion } from './checkpoint.ts';

/** What the journal says of a deletion, as v8 packs it: constants of filters may be integers of 64 bits. */
export type DeletedRecord =
  | { readonly kind: 'points'; readonly spec: DeleteSpec; readonly tagSets: number }
  | { readonly kind: 'retention'; readonly beforeNs: bigint };

function entryOf(record: DeletedRecord): Entry {
  return { kind: 'deleted', body: [serialize(record)] };
}

/** A checked request to delete: which tag sets, which of their rows. */
export class PointDeletion implements Deletion {
  readonly #series: SeriesStore;
  readonly #spec: DeleteSpec;
  readonly #filter: CompiledFilter;
  readonly #ids: number[] = [];
  readonly #slices: ReadonlySet<number>;
  readonly #isInRange: (row: RowCursor) => boolean;
  readonly #open: () => Source;
  readonly entry: Entry;

  /** `open` gives a source with every field. Tag sets that come later are none of this deletion's. */
  constructor(
    series: SeriesStore,
    spec: DeleteSpec,
    parts: PartSet,
    open: () => Source,
    tagSets = series.tagSets.count,
  ) {
    this.entry = entryOf({ kind: 'points', spec, tagSets });
    this.#series = series;
    this.#spec = spec;
    this.#filter = compileFilter(spec.where, series);
    for (let id = 0; id < tagSets; id++) if (this.#filter.decide(id) !== false) this.#ids.push(id);
    this.#slices = new Set(this.#ids.map((id) => parts.sliceOf(series.number, id)));
    const [from, to] = [instantOf(spec.fromNs), instantOf(spec.toNs)];
    this.#isInRange = (row) =>
      compareInstants(row.era, row.offset, from.era, from.offset) >= 0 &&
      compareInstants(row.era, row.offset, to.era, to.offset) < 0;
    this.#open = open;
  }

  /** How many points match. */
  async count(pace: Pace): Promise<number> {
    if (this.#ids.length === 0 || this.#spec.fromNs >= this.#spec.toNs) return 0;
    const source = this.#open();
    let count = 0;
    try {
      const wanted = new Set(this.#ids);
      for await (const window of source.windows(this.#spec, this.#ids, 'asc', false)) {
        const isWanted = (id: number) => wanted.has(id) && (window.covers === null || window.covers(id));
        const base = segmentsById(window.base, window, this.#ids, isWanted);
        const late = segmentsById(window.late, window, this.#ids, isWanted);
        for (const id of new Set([...base.keys(), ...late.keys()])) {
          if (!isWanted(id)) continue;
          const decision = this.#filter.decide(id);
          const cursor = new RowCursor(
            id,
            base.get(id) ?? [],
            late.get(id) ?? [],
            1,
            typeof decision === 'boolean' ? undefined : decision,
          );
          while (cursor.next()) count++;
          if (pace.isDue) await pace.rest();
        }
      }
    } finally {
      source.close();
    }
    return count;
  }

  dropped(series: SeriesStore, id: number): ((row: RowCursor) => boolean) | null {
    if (series !== this.#series || !this.#isOne(id)) return null;
    const decision = this.#filter.decide(id);
    if (typeof decision === 'boolean') return decision ? this.#isInRange : null;
    return (row) => this.#isInRange(row) && decision.row(row.read);
  }

  touches({
    slice,
    series,
  }: {
    slice: number;
    series: readonly { number: number; firstNs: string; lastNs: string }[];
  }): boolean {
    const own = series.find(({ number }) => number === this.#series.number);
    return (
      own !== undefined &&
      this.#slices.has(slice) &&
      BigInt(own.firstNs) < this.#spec.toNs &&
      BigInt(own.lastNs) >= this.#spec.fromNs
    );
  }

  swallows(): boolean {
    return false;
  }

  async correct(state: State): Promise<() => Promise<void>> {
    const saved = state.series.find(({ number }) => number === this.#series.number);
    if (!saved) return async () => undefined;
    const affected = this.#ids.filter((id) =>
      newestTimes(saved, id).some((time) => time !== null && isWithin(time, this.#spec)),
    );
    const corrections = await this.#newest(saved, affected);
    return applyCorrections(this.#series, saved, corrections);
  }

  /** The newest values without the deleted rows, found from the newest time backwards. */
  async #newest(saved: SavedSeries, ids: readonly number[]): Promise<Correction[]> {
    const missing = new Map(
      ids.map((id) => [id, { id, newest: null, fields: new Map() } as Correction & { newest: Newest | null }]),
    );
    const fieldsOf = (id: number) => saved.fields.flatMap((_, field) => (saved.latest.time(field, id) ? field : []));
    const done: Correction[] = [];
    const source = this.#open();
    try {
      if (ids.length === 0) return [];
      for await (const window of source.windows({ fromNs: minTimeNs, toNs: maxTimeNs + 1n }, ids, 'desc', true)) {
        const left = [...missing.keys()];
        const base = segmentsById(window.base, window, left, (id) => missing.has(id));
        const late = segmentsById(window.late, window, left, (id) => missing.has(id));
        for (const id of left) {
          const correction = missing.get(id)!;
          const dropped = this.dropped(this.#series, id);
          const fields = fieldsOf(id);
          const cursor = new RowCursor(id, base.get(id) ?? [], late.get(id) ?? [], -1);
          while (cursor.next()) {
            if (dropped?.(cursor)) continue;
            const { era, offset } = cursor;
            correction.newest ??= { era, offset };
            for (const field of fields) {
              const value = correction.fields.has(field) ? null : cursor.read(field);
              if (value !== null) correction.fields.set(field, { era, offset, value });
            }
            if (correction.fields.size < fields.length) continue;
            missing.delete(id);
            done.push(correction);
            break;
          }
        }
        if (missing.size === 0) break;
      }
    } finally {
      source.close();
    }
    return [...done, ...missing.values()];
  }

  #isOne(id: number): boolean {
    let low = 0;
    let high = this.#ids.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#ids[middle]! < id) low = middle + 1;
      else high = middle;
    }
    return this.#ids[low] === id;
  }
}

/** Every partition that ends at or before a time. */
export class Retention implements Deletion {
  readonly #day: number;
  readonly #catalogue: () => readonly SeriesStore[];
  readonly cutNs: bigint;
  readonly #cut: Newest;
  readonly entry: Entry;

  constructor(beforeNs: bigint, catalogue: () => readonly SeriesStore[]) {
    this.entry = entryOf({ kind: 'retention', beforeNs });
    this.#day = Number(floorDiv(beforeNs, dayNs));
    this.cutNs = BigInt(this.#day) * dayNs;
    this.#cut = instantOf(this.cutNs);
    this.#catalogue = catalogue;
  }

  dropped(): (row: RowCursor) => boolean {
    return (row) => this.#isOld(row.era, row.offset);
  }

  /** Days that were merged with younger ones. One that is damaged waits until all of it is old: nothing else is to wait for it. */
  touches({ day, days }: Days, isDamaged: boolean): boolean {
    return day < this.#day && day + days > this.#day && !isDamaged;
  }

  swallows({ day, days }: Days): boolean {
    return day + days <= this.#day;
  }

  async correct(state: State): Promise<() => Promise<void>> {
    const live = new Map(this.#catalogue().map((series) => [series.number, series]));
    const pace = new Pace();
    const corrections: (() => Promise<void>)[] = [];
    for (const saved of state.series) {
      const was = knownOf(saved);
      if (!(await this.#correctSaved(saved, was, pace))) continue;
      const series = live.get(saved.number);
      if (series) corrections.push(() => this.#correctLive(series, was));
    }
    return async () => {
      for (const correct of corrections) await correct();
    };
  }

  /** Whether anything that is known of the series is old. */
  async #correctSaved({ newest, latest }: SavedSeries, was: Known, pace: Pace): Promise<boolean> {
    let isChanged = false;
    for (const [id, era] of was.newest.eras.entries()) {
      if ((id & 4095) === 4095 && pace.isDue) await pace.rest();
      if (era === noEra || !this.#isOld(era, was.newest.offsets[id]!)) continue;
      newest.eras[id] = noEra;
      isChanged = true;
    }
    for (const { field, number } of was.latest.pages()) {
      if (latest.forgetBefore(was.latest, field, number, this.#cut)) isChanged = true;
      if (pace.isDue) await pace.rest();
    }
    return isChanged;
  }

  async #correctLive(series: SeriesStore, was: Known): Promise<void> {
    const pace = new Pace();
    for (let from = 0; from < was.newest.eras.length; from += pageIds) {
      const to = Math.min(from + pageIds, was.newest.eras.length);
      for (let id = from; id < to; id++) {
        const time = timeIn(was, id);
        if (time && this.#isOld(time.era, time.offset) && isSame(series.newest(id), time)) series.setNewest(id, null);
      }
      series.recallNewest(from, to);
      if (pace.isDue) await pace.rest();
    }
    for (const { field, number } of was.latest.pages()) {
      if (series.latest.forgetBefore(was.latest, field, number, this.#cut))
        series.recallValues(field, number * pageIds, (number + 1) * pageIds);
      if (pace.isDue) await pace.rest();
    }
  }

  #isOld(era: number, offset: number): boolean {
    return compareInstants(era, offset, this.#cut.era, this.#cut.offset) < 0;
  }
}

interface Newest {
  readonly era: number;
  readonly offset: number;
}

/** What a tag set is left with: fields that are not named have no value any more. */
interface Correction {
  readonly id: number;
  readonly newest: Newest | null;
  readonly fields: Map<number, NewestValue>;
}

/** What was known of the tag sets of a series when its rows were frozen. */
type Known = Pick<SavedSeries, 'newest' | 'latest'>;

function knownOf({ newest, latest }: SavedSeries): Known {
  return { newest: { eras: newest.eras.slice(), offsets: newest.offsets.slice() }, latest: latest.fork() };
}

function timeIn({ newest }: Known, id: number): Newest | null {
  const era = newest.eras[id]!;
  return era === noEra ? null : { era, offset: newest.offsets[id]! };
}

/**
 * Corrects what is to be saved, and gives what corrects memory: there, only what no newer point has changed meanwhile. Late points that came meanwhile
 * were no news beside a point that is deleted now, and may be the newest themselves.
 */
async function applyCorrections(
  series: SeriesStore,
  saved: SavedSeries,
  corrections: readonly Correction[],
): Promise<() => Promise<void>> {
  const was = knownOf(saved);
  const pace = new Pace();
  for (const { id, newest, fields } of corrections) {
    saved.newest.eras[id] = newest ? newest.era : noEra;
    saved.newest.offsets[id] = newest ? newest.offset : 0;
    for (let field = 0; field < saved.fields.length; field++)
      if (was.latest.time(field, id)) saved.latest.set(field, id, fields.get(field) ?? null);
    if (pace.isDue) await pace.rest();
  }
  return async () => {
    const pace = new Pace();
    for (const { id, newest, fields } of corrections) {
      if (isSame(series.newest(id), timeIn(was, id))) series.setNewest(id, newest);
      series.recallNewest(id, id + 1);
      const { latest } = series;
      for (let field = 0; field < saved.fields.length; field++) {
        const time = was.latest.time(field, id);
        if (!time || !isSame(latest.time(field, id), time)) continue;
        latest.set(field, id, fields.get(field) ?? null);
        series.recallValues(field, id, id + 1);
      }
      if (pace.isDue) await pace.rest();
    }
  };
}

/** The newest time of a tag set, then of each field. */
function newestTimes(saved: SavedSeries, id: number): (Newest | null)[] {
  return [timeIn(saved, id), ...saved.fields.map((_, field) => saved.latest.time(field, id))];
}

function isWithin({ era, offset }: Newest, { fromNs, toNs }: { fromNs: bigint; toNs: bigint }): boolean {
  const [from, to] = [instantOf(fromNs), instantOf(toNs)];
  return (
    compareInstants(era, offset, from.era, from.offset) >= 0 && compareInstants(era, offset, to.era, to.offset) < 0
  );
}

function isSame(a: Newest | null, b: Newest | null): boolean {
  return a === b || (a !== null && b !== null && a.era === b.era && a.offset === b.offset);
}
