// The rows of one series that are not in parts yet, and what is known of each of its tag sets.
import type { FieldDefinition } from '../../../src/kdb/engine.ts';
import type { Pace } from '../pace.ts';
import { isNullAt } from './columns.ts';
import { compareInstants, eraOf, offsetOf, wordsOf } from './era.ts';
import type { PlannedPart } from './insert-plan.ts';
import { LateRows } from './late.ts';
import { Latest, noEra } from './latest.ts';
import { OpenBlock } from './open-block.ts';
import { type Extent, firstAtLeast, hasRow, type Run } from './run.ts';
import { type TagSets, withRoom } from './tag-sets.ts';

/** Values of an open block that the newest-value table does not know yet: bringing them in takes up to 10 ms, less often the more there may be. */
const maxUnfoldedValues = 1 << 18;

/** What is known of one more tag set, and of the newest value of each of its fields. */
export function newestBytes(fields: number): number {
  return 60 + 18 * fields;
}

export interface SavedNewest {
  readonly eras: Int32Array;
  readonly offsets: Float64Array;
}

export class SeriesStore {
  readonly number: number;
  readonly name: string;
  readonly tags: string[] = [];
  readonly fields: FieldDefinition[] = [];
  readonly tagNumbers = new Map<string, number>();
  readonly fieldNumbers = new Map<string, number>();
  readonly tagSets: TagSets;
  readonly late = new LateRows();
  #latest = new Latest();
  /** Per id: the number of the last fold that put a value of it, and its row. */
  #foldedIn: Int32Array = new Int32Array(0);
  #foldedRow: Int32Array = new Int32Array(0);
  #folds = 0;
  readonly #open = new Map<number, OpenBlock>();
  /** Blocks that take no more rows and are not sorted for good yet. */
  readonly #frozen: OpenBlock[] = [];
  #sealed: Run[] = [];
  // Per id: the newest time, and the number of its block and its row there, which count while the block is open.
  #newestEra: Int32Array = new Int32Array(0);
  #newestOffset: Float64Array = new Float64Array(0);
  #newestBlock: Int32Array = new Int32Array(0);
  #newestRow: Int32Array = new Int32Array(0);
  /** Per id: no row after this time is in a part, in a frozen block, or late. */
  #settled: SavedNewest = { eras: new Int32Array(0), offsets: new Float64Array(0) };

  constructor(number: number, name: string, tagSets: TagSets) {
    this.number = number;
    this.name = name;
    this.tagSets = tagSets;
  }

  addTag(name: string): void {
    this.tagNumbers.set(name, this.tags.push(name) - 1);
  }

  addField(field: FieldDefinition): void {
    this.fieldNumbers.set(field.name, this.fields.push(field) - 1);
  }

  get hotRows(): number {
    let rows = 0;
    for (const run of this.#sealed) rows += run.rows;
    for (const block of this.#blocks()) rows += block.rows;
    return rows;
  }

  get bytes(): number {
    let bytes = this.late.bytes;
    for (const run of this.#sealed) bytes += run.bytes;
    for (const block of this.#blocks()) bytes += block.bytes;
    return bytes;
  }

  /** Of what is known of its tag sets. */
  get knownBytes(): number {
    const perId = [
      this.#newestEra,
      this.#newestOffset,
      this.#newestBlock,
      this.#newestRow,
      this.#foldedIn,
      this.#foldedRow,
    ];
    let bytes =
      this.tagSets.bytes + this.#latest.bytes + this.#settled.eras.byteLength + this.#settled.offsets.byteLength;
    for (const { byteLength } of perId) bytes += byteLength;
    return bytes;
  }

  /** Of newest values that only a running checkpoint keeps. */
  get copiedBytes(): number {
    return this.#latest.copiedBytes;
  }

  /** The checkpoint is over. */
  release(): void {
    this.#latest.release();
  }

  /**
   * Applies the points of one request in their order; gives how many were not newer than the newest of their tag set.
   * Points that were not given before, nearly all, are copied as ranges of whole columns.
   */
  apply(part: PlannedPart): number {
    const { row, ids } = part;
    this.#makeRoom();
    const words = wordsOf(part.timeNs);
    const offsets = new Float64Array(row.length);
    const eras = this.#newestEra;
    const newest = this.#newestOffset;
    let late = 0;
    let block: OpenBlock | null = null;
    // Points [start, i) are to be appended to the block.
    let start = 0;
    let room = 0;
    for (let i = 0; i < row.length; i++) {
      const id = ids[row[i]!]!;
      const upper = words[2 * i + 1]!;
      const era = eraOf(upper);
      const offset = offsetOf(upper, words[2 * i]!);
      offsets[i] = offset;
      if (block === null || block.era !== era || i - start === room) {
        if (block) this.#append(block, part, ids, offsets, start, i);
        start = i;
        block = this.#openBlock(era);
        room = block.room;
      }
      if (era > eras[id]! || (era === eras[id]! && offset > newest[id]!)) {
        eras[id] = era;
        newest[id] = offset;
        this.#newestBlock[id] = block.number;
        this.#newestRow[id] = block.rows + i - start;
        continue;
      }
      late++;
      if (!this.#mayOverwrite(id, era, offset)) continue;
      this.#append(block, part, ids, offsets, start, i);
      start = i + 1;
      room = block.room;
      this.#overwrite(part, id, era, offset, i);
    }
    if (block) this.#append(block, part, ids, offsets, start, row.length);
    return late;
  }

  /** Sealed and open rows as runs with at least the given fields, oldest first. */
  runs(fields: readonly number[]): Run[] {
    return [...this.#sealed, ...this.#blocks().map((block) => block.view(fields))];
  }

  /** Where in time the rows are, without a look at them. */
  extents(): readonly Extent[] {
    return [...this.#sealed, ...this.#blocks(), ...this.late.extents()];
  }

  /** What is stored now no longer changes; sorting it takes longer than others should wait, so `seal` does that. */
  freeze(): void {
    this.#settled = this.saveNewest();
    for (const block of this.#open.values()) {
      this.#fold(block);
      if (block.rows > 0) this.#frozen.push(block);
    }
    this.#open.clear();
  }

  /** Sorts one frozen block for good; null when there is none left. */
  async seal(pace: Pace): Promise<Run | null> {
    const block = this.#frozen[0];
    if (!block) return null;
    // A block of a million values takes some 10 ms: nobody waits for all of it.
    for (const [field] of block.columns.entries()) {
      block.view([field]);
      if (pace.isDue) await pace.rest();
    }
    this.#frozen.shift();
    return this.#keep(block);
  }

  get sealed(): readonly Run[] {
    return this.#sealed;
  }

  /** Puts other runs in the place of sealed ones (null: they are in parts now, or deleted). */
  replace(change: (run: Run) => Run | null): void {
    this.#sealed = this.#sealed.map(change).filter((run) => run !== null);
  }

  newest(id: number): { era: number; offset: number } | null {
    return this.#newestEra[id] === noEra ? null : { era: this.#newestEra[id]!, offset: this.#newestOffset[id]! };
  }

  setNewest(id: number, time: { era: number; offset: number } | null): void {
    this.#makeRoom();
    this.#newestEra[id] = time ? time.era : noEra;
    this.#newestOffset[id] = time ? time.offset : 0;
    this.#newestBlock[id] = 0;
    if (id >= this.#settled.eras.length) return;
    this.#settled.eras[id] = this.#newestEra[id]!;
    this.#settled.offsets[id] = this.#newestOffset[id]!;
  }

  /** Makes late rows of the ids [from, to) count again as the newest, where no newer ones are known: in the turn in which what was known is changed. */
  recallNewest(from: number, to: number): void {
    for (const { run, id, last } of this.#lateWithin(from, to)) {
      const offset = run.times[last]!;
      const known = this.newest(id);
      if (!known || compareInstants(run.era, offset, known.era, known.offset) > 0)
        this.setNewest(id, { era: run.era, offset });
    }
  }

  /** The same for the values of a field. */
  recallValues(field: number, from: number, to: number): void {
    for (const { run, id, first, last } of this.#lateWithin(from, to)) {
      const column = run.columns[field];
      if (!column) continue;
      let row = last;
      while (row > first && isNullAt(column, row)) row--;
      this.#latest.put(field, id, run.era, run.times[row]!, column, row);
    }
  }

  saveNewest(): SavedNewest {
    const { count } = this.tagSets;
    return { eras: this.#newestEra.slice(0, count), offsets: this.#newestOffset.slice(0, count) };
  }

  restore(newest: SavedNewest, latest: Latest): void {
    this.#makeRoom();
    this.#newestEra.set(newest.eras);
    this.#newestOffset.set(newest.offsets);
    this.#settled = this.saveNewest();
    this.#latest = latest;
  }

  get latest(): Latest {
    for (const block of this.#open.values()) this.#fold(block);
    return this.#latest;
  }

  /** The late rows of the ids [from, to), those that win last. */
  *#lateWithin(from: number, to: number): Generator<{ run: Run; id: number; first: number; last: number }> {
    for (const run of this.late.runs(this.fields)) {
      for (let i = firstAtLeast(run.ids, from); i < run.ids.length && run.ids[i]! < to; i++)
        yield { run, id: run.ids[i]!, first: run.starts[i]!, last: run.starts[i + 1]! - 1 };
    }
  }

  #append(block: OpenBlock, part: PlannedPart, ids: Int32Array, offsets: Float64Array, from: number, to: number): void {
    if (from === to) return;
    block.reserve(to - from);
    const at = block.rows;
    for (let i = from; i < to; i++) block.ids[at + i - from] = ids[part.row[i]!]!;
    block.times.set(offsets.subarray(from, to), at);
    for (let i = from; i < to; i++) block.extend(offsets[i]!);
    for (const { field, type, column } of part.columns) block.column(field, type).putRange(at, column, from, to);
    block.rows += to - from;
    if ((block.rows - block.foldedRows) * block.columns.length > maxUnfoldedValues) this.#fold(block);
  }

  #openBlock(era: number): OpenBlock {
    const open = this.#open.get(era);
    if (open && open.room > 0) return open;
    if (open) {
      this.#fold(open);
      this.#keep(open);
    }
    const block = new OpenBlock(era);
    this.#open.set(era, block);
    return block;
  }

  #keep(block: OpenBlock): Run {
    const run = block.seal();
    this.#sealed.push(run);
    return run;
  }

  #blocks(): OpenBlock[] {
    return [...this.#frozen, ...this.#open.values()].filter((block) => block.rows > 0);
  }

  /**
   * Whether a point that is not newer than the newest of its tag set may have been given before, outside of the open block of its era. Where requests
   * overtake each other nearly every such point is in the time of one sealed block at most.
   */
  #mayOverwrite(id: number, era: number, offset: number): boolean {
    if (era === this.#newestEra[id] && offset === this.#newestOffset[id]) return true;
    const { eras, offsets } = this.#settled;
    if (id < eras.length && compareInstants(era, offset, eras[id]!, offsets[id]!) <= 0) return true;
    return this.#sealed.some((run) => run.era === era && hasRow(run, id, offset));
  }

  /** A point that repeats the newest time of its tag set is merged into it while its block is open; any other goes to the late rows. */
  #overwrite(part: PlannedPart, id: number, era: number, offset: number, i: number): void {
    const home = this.#open.get(this.#newestEra[id]!);
    const isOpen = home !== undefined && home.number === this.#newestBlock[id];
    if (isOpen && compareInstants(era, offset, this.#newestEra[id]!, this.#newestOffset[id]!) === 0) {
      const at = this.#newestRow[id]!;
      for (const { field, type, column } of part.columns) home.column(field, type).put(at, column, i);
      home.changed();
      if (at < home.foldedRows)
        for (const { field, column } of part.columns) this.#latest.put(field, id, era, offset, column, i);
      return;
    }
    const tail = this.late.tail(era, this.fields);
    tail.reserve(1);
    tail.ids[tail.rows] = id;
    tail.times[tail.rows] = offset;
    tail.extend(offset);
    for (const { field, type, column } of part.columns) tail.column(field, type).put(tail.rows, column, i);
    tail.rows++;
    // No open block has a value of this very time, so it does not matter that some are not in the table yet.
    for (const { field, column } of part.columns) this.#latest.put(field, id, era, offset, column, i);
  }

  /**
   * Brings the newest-value table up to date with a block: many rows at a time, from the last one back, so that of each tag set and field about one
   * value is put (of the time of an ingest run: 10 % when every value was put, 1 % so).
   */
  #fold(block: OpenBlock): void {
    if (block.foldedRows === block.rows) return;
    this.#foldedIn = withRoom(this.#foldedIn, this.tagSets.count, 0);
    this.#foldedRow = withRoom(this.#foldedRow, this.tagSets.count, 0);
    const foldedIn = this.#foldedIn;
    const foldedRow = this.#foldedRow;
    const { ids, times, era } = block;
    for (let field = 0; field < block.columns.length; field++) {
      const column = block.columns[field]?.peek(block.rows);
      if (!column) continue;
      const fold = ++this.#folds;
      for (let row = block.rows - 1; row >= block.foldedRows; row--) {
        const id = ids[row]!;
        if (foldedIn[id] === fold && times[row]! <= times[foldedRow[id]!]!) continue;
        if (isNullAt(column, row)) continue;
        foldedIn[id] = fold;
        foldedRow[id] = row;
        this.#latest.put(field, id, era, times[row]!, column, row);
      }
    }
    block.foldedRows = block.rows;
  }

  #makeRoom(): void {
    const { count } = this.tagSets;
    this.#newestEra = withRoom(this.#newestEra, count, noEra);
    this.#newestRow = withRoom(this.#newestRow, count, 0);
    this.#newestBlock = withRoom(this.#newestBlock, count, 0);
    if (this.#newestOffset.length < this.#newestEra.length) {
      const offsets = new Float64Array(this.#newestEra.length);
      offsets.set(this.#newestOffset);
      this.#newestOffset = offsets;
    }
  }
}
