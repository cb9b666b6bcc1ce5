import { columnNameFault, maxTagsPerSeries, maxTagValueBytes } from '../base/limits.ts';
import type { Budget } from './budget.ts';
import { grown } from './column.ts';
import { shown } from './fault-list.ts';
import { hashSeed, mixed } from './hash.ts';
import { Refusal } from './refusal.ts';

/** One tag of a series: its distinct values, and which of them each tag set has. */
export class TagColumn {
  readonly name: string;
  /** Place among the tags of the series. */
  readonly index: number;
  /** Start of the hash of a value of this tag. */
  readonly seed: number;
  /** Where the decoder saw the tag's name last, as raw bytes of the body. */
  keyStart = 0;
  keyLength = 0;
  /** By id; 0 is for sets without the tag, and an empty value is as good as none. */
  readonly values: string[] = [''];
  /** By tag set: the id of its value. */
  ids = new Int32Array(0);
  /** Of the set at hand. */
  id = 0;
  /** The set that gave the tag last (TagSets.current). */
  set = 0;
  /** Only where a value can be written in several ways. */
  private readonly idOf = new Map<string, number>();

  constructor(name: string, index: number, seed: number) {
    this.name = name;
    this.index = index;
    this.seed = seed;
  }

  idOfValue(value: string): number | Refusal {
    const known = this.idOf.get(value);
    if (known !== undefined) return known;
    const id = this.addValue(value);
    if (!(id instanceof Refusal)) this.idOf.set(value, id);
    return id;
  }

  /** The id of a value that the column does not have yet, or of the empty one. */
  addValue(value: string): number | Refusal {
    if (value === '') return 0;
    const { name } = this;
    if (value.includes('\0')) return new Refusal('InvalidValue', `The value of tag ${shown(name)} has a NUL`, name);
    if (value.length > maxTagValueBytes / 4 && Buffer.byteLength(value) > maxTagValueBytes) {
      const message = `The value of tag ${shown(name)} is longer than ${maxTagValueBytes} bytes`;
      return new Refusal('ValueTooLong', message, name);
    }
    if (!value.isWellFormed()) {
      return new Refusal('InvalidUtf8', `The value of tag ${shown(name)} is not valid Unicode`, name);
    }
    return this.values.push(value) - 1;
  }
}

/**
 * The distinct tag sets of one series in one request. A set is given tag by tag, in any order, between begin and end. Sets are kept by column
 * as ids of values, so that a request in which every point has another set costs no string of its own per set.
 */
export class TagSets {
  count = 0;
  /** The tags of the set before, in its order: the next one most likely gives the same. */
  readonly order: TagColumn[] = [];
  private readonly series: string;
  /** Differs by series: the same values under the same tag are in one table for all of them. */
  private readonly seed: number;
  private readonly budget: Budget;
  readonly columns: TagColumn[] = [];
  private readonly byName = new Map<string, TagColumn>();
  private current = 0;
  private hash = 0;
  /** Open addressing, half full at most; -1: free. */
  private slots = new Int32Array(16).fill(-1);
  private hashes = new Int32Array(8);

  constructor(series: string, seriesIndex: number, budget: Budget) {
    this.series = series;
    this.seed = mixed(hashSeed + seriesIndex);
    this.budget = budget;
  }

  /** The column of a tag, made when it is new. */
  column(name: string): TagColumn | Refusal {
    const known = this.byName.get(name);
    if (known !== undefined) return known;
    const fault = columnNameFault(name);
    if (fault !== null) return new Refusal('InvalidName', `The tag name "${shown(name)}" ${fault}`, name);
    if (this.columns.length >= maxTagsPerSeries) {
      return new Refusal('TooManyFields', `Series ${this.series} has more than ${maxTagsPerSeries} tags`, name);
    }
    const column = new TagColumn(name, this.columns.length, mixed(this.seed + this.columns.length));
    this.budget.takeCells(this.hashes.length, this.series);
    column.ids = new Int32Array(this.hashes.length);
    this.columns.push(column);
    this.byName.set(name, column);
    return column;
  }

  begin(): void {
    this.current++;
    this.hash = 0;
  }

  give(column: TagColumn, id: number): Refusal | null {
    if (column.set === this.current) {
      return new Refusal('DuplicateTag', `Tag ${shown(column.name)} is given twice`, column.name);
    }
    column.set = this.current;
    column.id = id;
    // A sum: the order of the tags does not matter.
    if (id !== 0) this.hash = (this.hash + mixed(column.seed + id)) | 0;
    return null;
  }

  /** The number of the set given. */
  end(): number {
    for (const column of this.columns) if (column.set !== this.current) column.id = 0;
    const mask = this.slots.length - 1;
    let slot = mixed(this.hash) & mask;
    for (; this.slots[slot]! >= 0; slot = (slot + 1) & mask) {
      const set = this.slots[slot]!;
      if (this.hashes[set] === this.hash && this.isSet(set)) return set;
    }
    if (this.count === this.hashes.length) {
      this.double();
      return this.end();
    }
    const set = this.count++;
    this.slots[slot] = set;
    this.hashes[set] = this.hash;
    for (const column of this.columns) column.ids[set] = column.id;
    return set;
  }

  /** Names in order, and by name the value of each set. */
  finish(): { names: string[]; values: string[][] } {
    const columns = this.columns.filter(({ values }) => values.length > 1);
    columns.sort(({ name: a }, { name: b }) => (a < b ? -1 : 1));
    return {
      names: columns.map(({ name }) => name),
      values: columns.map(({ ids, values }) => {
        const ofSets: string[] = [];
        for (let set = 0; set < this.count; set++) ofSets.push(values[ids[set]!]!);
        return ofSets;
      }),
    };
  }

  private isSet(set: number): boolean {
    for (const column of this.columns) if (column.ids[set] !== column.id) return false;
    return true;
  }

  private double(): void {
    const size = 2 * this.count;
    this.budget.takeCells(this.count * this.columns.length, this.series);
    this.hashes = grown(this.hashes, size);
    for (const column of this.columns) column.ids = grown(column.ids, size);
    this.slots = new Int32Array(2 * size).fill(-1);
    const mask = this.slots.length - 1;
    for (let set = 0; set < this.count; set++) {
      let slot = mixed(this.hashes[set]!) & mask;
      while (this.slots[slot]! >= 0) slot = (slot + 1) & mask;
      this.slots[slot] = set;
    }
  }
}
