// What one query sees of a series: hot blocks, late rows and parts as they were at one moment.
import { timeOf } from '../memory/era.ts';
import type { Window } from '../memory/row-cursor.ts';
import { type Extent, firstAtLeast, type Run } from '../memory/run.ts';
import type { SeriesStore } from '../memory/series-store.ts';
import type { Part, PartSlice } from '../storage/part.ts';
import { readRuns } from '../storage/part-runs.ts';
import { type Days, type PartSet, rangeOf } from '../storage/parts.ts';
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

/** What a window of an aggregation holds of parts at most, and what is read ahead of the one that is worked on, so that every volume has something to read. */
const maxWindowBytes = 16 << 20;
const maxAheadBytes = 64 << 20;
const maxAhead = 8;

/** A window to be read, and what it takes then. */
interface Job {
  readonly bytes: number;
  read(): Promise<Window>;
}

interface Piece {
  readonly range: Range;
  readonly parts: readonly Part[];
}

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
    const pieces = this.#pieces(range, parts);
    if (order === 'desc') pieces.reverse();
    const jobs = this.#jobs(pieces, ids, whole);
    const ahead: { bytes: number; window: Promise<Window> }[] = [];
    let aheadBytes = 0;
    let next = await jobs.next();
    while (!next.done || ahead.length > 0) {
      while (!next.done && (ahead.length === 0 || aheadBytes + next.value.bytes <= maxAheadBytes)) {
        if (ahead.length === maxAhead) break;
        const { bytes } = next.value;
        const window = next.value.read();
        // A failure is thrown when its turn comes; until then it is not unhandled.
        window.catch(() => undefined);
        ahead.push({ bytes, window });
        aheadBytes += bytes;
        next = await jobs.next();
      }
      const waitingSinceMs = performance.now();
      const { bytes, window } = ahead.shift()!;
      const read = await window;
      if (this.#cost) this.#cost.readMs += performance.now() - waitingSinceMs;
      aheadBytes -= bytes;
      yield read;
    }
  }

  async *#jobs(pieces: readonly Piece[], ids: readonly number[], whole: boolean): AsyncGenerator<Job> {
    const number = this.series.number;
    for (const [i, { range, parts }] of pieces.entries()) {
      if (parts.length === 0)
        yield { bytes: 0, read: async () => ({ ...range, base: this.#base, late: this.#late, covers: null }) };
      else if (whole) yield { bytes: this.#bytesOf(parts), read: () => this.#window(range, parts, ids, null) };
      else {
        for (const slice of this.#slicesOf(ids)) {
          const own = parts.filter(({ entry }) => entry.slice === slice);
          const isOwn = (id: number) => this.#set.sliceOf(number, id) === slice;
          const bytes = this.#bytesOf(own);
          if (bytes <= maxWindowBytes) yield { bytes, read: () => this.#window(range, own, ids, isOwn) };
          else {
            // Their footers are read one after the other, unless somebody asks early.
            for (const soon of pieces.slice(i, i + maxAhead))
              for (const part of soon.parts) part.slices().catch(() => undefined);
            yield* this.#splitJobs(range, own, ids, isOwn);
          }
        }
      }
    }
  }

  #rowBytes(): number {
    return 8 * (1 + this.#fields.length);
  }

  #bytesOf(parts: readonly Part[]): number {
    return parts.reduce((sum, { series }) => sum + series.get(this.series.number)!.rows, 0) * this.#rowBytes();
  }

  /** The days that have parts, those of one part together, and what is between them if anything in memory is there. */
  #pieces(range: Range, parts: readonly Part[]): Piece[] {
    const pieces: Piece[] = [];
    let at = range.fromNs;
    const gap = (toNs: bigint) => {
      const between = { fromNs: at, toNs };
      if (at < toNs && [...this.#base, ...this.#late].some((run) => overlaps(spanOf(run), between)))
        pieces.push({ range: between, parts: [] });
    };
    for (const { days, own } of byDays(parts)) {
      const stretch = rangeOf(days);
      const fromNs = greatest(range.fromNs, stretch.fromNs);
      const toNs = least(range.toNs, stretch.toNs);
      gap(fromNs);
      pieces.push({ range: { fromNs, toNs }, parts: own });
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

  /** One slice of a day in several windows: by tag-set id, and by time where some few tag sets have too many rows. */
  async *#splitJobs(
    range: Range,
    parts: readonly Part[],
    ids: readonly number[],
    isOwn: (id: number) => boolean,
  ): AsyncGenerator<Job> {
    const slices = (await Promise.all(parts.map((part) => part.slices())))
      .flat()
      .filter((slice) => slice.series === this.series.number && overlaps(spanOf(slice), range));
    const bounds = this.#idBounds(slices);
    for (let i = 0; i + 1 < bounds.length; i++) {
      const [low, high] = [bounds[i]!, bounds[i + 1]!];
      const some = ids.slice(firstAtLeast(ids, low), firstAtLeast(ids, high));
      if (some.length === 0) continue;
      const own = slices.filter(({ firstId, lastId }) => firstId < high && lastId >= low);
      const bytes = own.reduce((sum, { rows }) => sum + rows, 0) * this.#rowBytes();
      const covers = (id: number) => isOwn(id) && id >= low && id < high;
      const ranges = bytes > 2 * maxWindowBytes ? splitRange(range, own, Math.ceil(bytes / maxWindowBytes)) : [range];
      for (const one of ranges)
        yield { bytes: bytes / ranges.length, read: () => this.#window(one, parts, some, covers) };
    }
  }

  #idBounds(slices: readonly PartSlice[]): number[] {
    const bounds = [0];
    let bytes = 0;
    for (const slice of [...slices].sort((a, b) => a.firstId - b.firstId)) {
      const more = slice.rows * this.#rowBytes();
      if (bytes + more > maxWindowBytes && slice.firstId > bounds.at(-1)!) {
        bounds.push(slice.firstId);
        bytes = 0;
      }
      bytes += more;
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

/** In the order of time. Slices may have merged their days differently: what overlaps belongs together. */
function byDays(parts: readonly Part[]): { days: Days; own: Part[] }[] {
  const found: { days: Days; own: Part[] }[] = [];
  for (const part of [...parts].sort((a, b) => a.entry.day - b.entry.day)) {
    const { day, days } = part.entry;
    const last = found.at(-1);
    if (!last || day >= last.days.day + last.days.days) found.push({ days: { day, days }, own: [part] });
    else {
      last.own.push(part);
      last.days = { day: last.days.day, days: Math.max(last.days.days, day + days - last.days.day) };
    }
  }
  return found;
}

/** Cut where slices begin, so that few of them are read for two ranges. */
function splitRange(range: Range, slices: readonly PartSlice[], count: number): Range[] {
  const starts = slices
    .map((slice) => spanOf(slice).firstNs)
    .filter((firstNs) => firstNs > range.fromNs && firstNs < range.toNs)
    .sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  const cuts = Array.from({ length: count - 1 }, (_, i) => starts[Math.floor(((i + 1) * starts.length) / count)] ?? []);
  const edges = [range.fromNs, ...new Set(cuts.flat()), range.toNs];
  return edges.slice(1).map((toNs, i) => ({ fromNs: edges[i]!, toNs }));
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
