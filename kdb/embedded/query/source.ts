// What one query sees of a series: hot blocks, late rows and parts as they were at one moment.
import { dayNs, timeOf } from '../memory/era.ts';
import type { Window } from '../memory/row-cursor.ts';
import { type Extent, firstAtLeast, type Run } from '../memory/run.ts';
import type { SeriesStore } from '../memory/series-store.ts';
import type { Part, PartSlice } from '../storage/part.ts';
import { readRuns } from '../storage/part-runs.ts';
import { dayStartNs, type PartSet } from '../storage/parts.ts';
import type { ReadCost } from '../storage/read-cost.ts';
import type { SliceCache } from '../storage/slice-cache.ts';

export interface TimeSpan {
  readonly firstNs: bigint;
  readonly lastNs: bigint;
}

interface Range {
  readonly fromNs: bigint;
  readonly toNs: bigint;
}

/** How many rows of parts a window of an aggregation holds at most. */
const maxWindowRows = 1 << 20;
/** Windows whose parts are read ahead of the one that is worked on, so that every volume has something to read. */
const readAhead = 8;

export class Source {
  readonly series: SeriesStore;
  readonly #parts: readonly Part[];
  readonly #set: PartSet;
  readonly #cache: SliceCache;
  readonly #base: readonly Run[];
  readonly #late: readonly Run[];
  readonly #fields: readonly number[];
  readonly #cost: ReadCost | null;

  /** With the given fields; what it reads is counted in `cost`. To be closed. */
  constructor(
    series: SeriesStore,
    set: PartSet,
    cache: SliceCache,
    fields: readonly number[],
    cost: ReadCost | null = null,
  ) {
    this.series = series;
    this.#set = set;
    this.#cache = cache;
    this.#fields = fields;
    this.#cost = cost;
    this.#base = series.runs(fields);
    this.#late = series.late.runs(series.fields);
    this.#parts = set.ofSeries(series.number);
    for (const part of this.#parts) part.acquire();
  }

  /** What it holds in memory. */
  get runs(): readonly Run[] {
    return [...this.#base, ...this.#late];
  }

  close(): void {
    for (const part of this.#parts) part.release();
  }

  /** First and last stored time within the range; null when it is empty. */
  span(range: Range): TimeSpan | null {
    return spanWithin(
      [
        ...this.#base.map(spanOf),
        ...this.#late.map(spanOf),
        ...this.#parts.map((part) => spanOfPart(part, this.series.number)),
      ],
      range,
    );
  }

  /**
   * The range in windows in the order of time. For aggregates a window may hold some tag sets only (`covers`), so that it stays small;
   * `whole` windows hold every tag set.
   */
  async *windows(range: Range, ids: readonly number[], order: 'asc' | 'desc', whole: boolean): AsyncGenerator<Window> {
    const parts = this.#parts.filter((part) => overlaps(spanOfPart(part, this.series.number), range));
    if (this.#cost) this.#cost.parts = parts.length;
    if (parts.length === 0) {
      yield { ...range, base: this.#base, late: this.#late, covers: null };
      return;
    }
    const jobs: (() => Promise<Window[]>)[] = [];
    for (const piece of this.#pieces(range, parts)) {
      if (piece.parts.length === 0)
        jobs.push(async () => [{ ...piece.range, base: this.#base, late: this.#late, covers: null }]);
      else if (whole) jobs.push(async () => [await this.#window(piece.range, piece.parts, ids, null)]);
      else
        for (const slice of this.#slicesOf(ids))
          jobs.push(() => this.#sliceWindows(piece.range, piece.parts, slice, ids));
    }
    if (order === 'desc') jobs.reverse();
    const ahead: Promise<Window[]>[] = [];
    const start = (job: () => Promise<Window[]>) => {
      const running = job();
      // A failure is thrown when its turn comes; until then it is not unhandled.
      running.catch(() => undefined);
      ahead.push(running);
    };
    let next = 0;
    while (next < jobs.length || ahead.length > 0) {
      while (next < jobs.length && ahead.length < readAhead) start(jobs[next++]!);
      const waitingSinceMs = performance.now();
      const windows = await ahead.shift()!;
      if (this.#cost) this.#cost.readMs += performance.now() - waitingSinceMs;
      yield* windows;
    }
  }

  /** The days that have parts, and what is between them if anything in memory is there. */
  #pieces(range: Range, parts: readonly Part[]): { range: Range; parts: readonly Part[] }[] {
    const pieces: { range: Range; parts: readonly Part[] }[] = [];
    const days = Map.groupBy(parts, ({ entry }) => entry.day);
    let at = range.fromNs;
    const gap = (toNs: bigint) => {
      const between = { fromNs: at, toNs };
      if (at < toNs && [...this.#base, ...this.#late].some((run) => overlaps(spanOf(run), between)))
        pieces.push({ range: between, parts: [] });
    };
    for (const day of [...days.keys()].sort((a, b) => a - b)) {
      const fromNs = greatest(range.fromNs, dayStartNs(day));
      const toNs = least(range.toNs, dayStartNs(day) + dayNs);
      gap(fromNs);
      pieces.push({ range: { fromNs, toNs }, parts: days.get(day)! });
      at = toNs;
    }
    gap(range.toNs);
    return pieces;
  }

  #slicesOf(ids: readonly number[]): number[] {
    const slices = new Set<number>();
    for (const id of ids) {
      slices.add(this.#set.sliceOf(this.series.number, id));
      if (slices.size === this.#set.slices) break;
    }
    return [...slices].sort((a, b) => a - b);
  }

  /** One slice of a day; in several windows by tag-set id where it is long. */
  async #sliceWindows(range: Range, parts: readonly Part[], slice: number, ids: readonly number[]): Promise<Window[]> {
    const own = parts.filter(({ entry }) => entry.slice === slice);
    const number = this.series.number;
    const rows = own.reduce((sum, { series }) => sum + series.get(number)!.rows, 0);
    const isOwn = (id: number) => this.#set.sliceOf(number, id) === slice;
    if (rows <= maxWindowRows) return [await this.#window(range, own, ids, isOwn)];
    const bounds = await this.#idBounds(own);
    const windows: Window[] = [];
    for (let i = 0; i + 1 < bounds.length; i++) {
      const [low, high] = [bounds[i]!, bounds[i + 1]!];
      const some = ids.filter((id) => id >= low && id < high);
      if (some.length > 0)
        windows.push(await this.#window(range, own, some, (id) => isOwn(id) && id >= low && id < high));
    }
    return windows;
  }

  async #idBounds(parts: readonly Part[]): Promise<number[]> {
    const slices = (await Promise.all(parts.map((part) => part.slices())))
      .flat()
      .filter((slice) => slice.series === this.series.number);
    const bounds = [0];
    let rows = 0;
    for (const slice of slices.sort((a, b) => a.firstId - b.firstId)) {
      if (rows + slice.rows > maxWindowRows && slice.firstId > bounds.at(-1)!) {
        bounds.push(slice.firstId);
        rows = 0;
      }
      rows += slice.rows;
    }
    return [...bounds, Number.POSITIVE_INFINITY];
  }

  async #window(
    range: Range,
    parts: readonly Part[],
    ids: readonly number[],
    covers: Window['covers'],
  ): Promise<Window> {
    const isWanted = (slice: PartSlice) =>
      overlaps(spanOf(slice), range) && hasIdBetween(ids, slice.firstId, slice.lastId);
    const runs = await Promise.all(
      parts.map((part) => readRuns(this.#cache, part, this.series.number, this.#fields, isWanted, this.#cost)),
    );
    return { ...range, base: [...runs.flat(), ...this.#base], late: this.#late, covers };
  }
}

/** Ids ascend. */
function hasIdBetween(ids: readonly number[], first: number, last: number): boolean {
  const at = firstAtLeast(ids, first);
  return at < ids.length && ids[at]! <= last;
}

export function spanOf({ era, minOffset, maxOffset }: Extent): TimeSpan {
  return { firstNs: timeOf(era, minOffset), lastNs: timeOf(era, maxOffset) };
}

export function spanOfPart(part: Part, number: number): TimeSpan {
  const own = part.series.get(number)!;
  return { firstNs: BigInt(own.firstNs), lastNs: BigInt(own.lastNs) };
}

export function overlaps({ firstNs, lastNs }: TimeSpan, { fromNs, toNs }: Range): boolean {
  return fromNs < toNs && firstNs < toNs && lastNs >= fromNs;
}

export function spanWithin(spans: readonly TimeSpan[], range: Range): TimeSpan | null {
  let all: TimeSpan | null = null;
  for (const span of spans) {
    if (!overlaps(span, range)) continue;
    all = all ? { firstNs: least(all.firstNs, span.firstNs), lastNs: greatest(all.lastNs, span.lastNs) } : span;
  }
  return all && { firstNs: greatest(all.firstNs, range.fromNs), lastNs: least(all.lastNs, range.toNs - 1n) };
}

function least(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

function greatest(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
