import { columnNameFault, maxFieldsPerSeries, maxTagsPerSeries, maxTagValueBytes, nameFault } from '../base/limits.ts';
import type { FieldColumn, InsertPart } from '../kdb/engine.ts';
import type { Budget } from './budget.ts';
import { Column, grown } from './column.ts';
import { type FaultCode, shown } from './fault-list.ts';
import type { Int64 } from './int64.ts';

/** Why a name or value is refused: decoders make a fault of it. Returned, not thrown: a body may have millions. */
export class Refusal {
  readonly code: FaultCode;
  readonly message: string;
  readonly column: string | undefined;
  constructor(code: FaultCode, message: string, column?: string) {
    this.code = code;
    this.message = message;
    this.column = column;
  }
}

/** The points of one series in one request, by column. */
export class SeriesRows {
  readonly name: string;
  /** Number of the series in its request. */
  readonly index: number;
  rows = 0;
  /** The fields of the point before, in its order: the next one most likely gives the same. */
  readonly order: Column[] = [];

  private readonly budget: Budget;
  private readonly columns = new Map<string, Column>();
  private readonly tagNames = new Set<string>();
  /** Distinct tag sets, each as [name, value, name, value, …] sorted by name; and their numbers. */
  private readonly tagSets: (readonly string[])[] = [];
  private readonly keys = new Map<string, number>();

  private capacity = 0;
  private keyOfRow = new Int32Array(0);
  private lineOfRow = new Int32Array(0);
  /** Halves of the times. */
  private timeWords = new Int32Array(0);

  constructor(name: string, index: number, budget: Budget) {
    this.name = name;
    this.index = index;
    this.budget = budget;
    budget.takeColumn();
  }

  /** The number of a tag set given as [name, value, …] in any order. A tag with an empty value is as good as absent. */
  key(tags: readonly string[]): number | Refusal {
    const sorted = this.sortedTags(tags);
    if (sorted instanceof Refusal) return sorted;
    const text = sorted.join('\0');
    const known = this.keys.get(text);
    if (known !== undefined) return known;
    for (let i = 0; i < sorted.length; i += 2) {
      const refusal = this.checkTag(sorted[i]!, sorted[i + 1]!);
      if (refusal !== null) return refusal;
    }
    const key = this.tagSets.length;
    this.tagSets.push(sorted);
    this.keys.set(text, key);
    return key;
  }

  /** The column of a field, made when it is new. */
  column(name: string): Column | Refusal {
    const known = this.columns.get(name);
    if (known !== undefined) return known;
    const fault = columnNameFault(name);
    if (fault !== null) return new Refusal('InvalidName', `The field name "${shown(name)}" ${fault}`, name);
    if (this.columns.size >= maxFieldsPerSeries) return this.tooMany('fields', maxFieldsPerSeries, name);
    const column = new Column(this.name, name, this.budget);
    this.columns.set(name, column);
    return column;
  }

  /** Closes the row that the columns have been given the values of. */
  commit(key: number, time: Int64, line: number): void {
    const row = this.rows;
    if (row >= this.capacity) this.reserve(row + 1);
    this.keyOfRow[row] = key;
    this.lineOfRow[row] = line;
    this.timeWords[2 * row] = time.low;
    this.timeWords[2 * row + 1] = time.high;
    this.rows = row + 1;
  }

  finish(): InsertPart {
    const { name, rows, tagSets } = this;
    const tagNames = [...this.tagNames].sort();
    const columns: FieldColumn[] = [];
    for (const column of this.columns.values()) {
      const finished = column.finish(rows);
      if (finished !== null) columns.push(finished);
    }
    return {
      series: name,
      tagNames,
      keys: tagColumns(tagNames, tagSets),
      keyCount: tagSets.length,
      row: this.keyOfRow.subarray(0, rows),
      timeNs: new BigInt64Array(this.timeWords.buffer, 0, rows),
      fields: columns,
    };
  }

  /** Line numbers by row. */
  get lines(): Int32Array {
    return this.lineOfRow.subarray(0, this.rows);
  }

  private sortedTags(tags: readonly string[]): readonly string[] | Refusal {
    if (tags.length > 2 * maxTagsPerSeries) return this.tooMany('tags', maxTagsPerSeries, tags[2 * maxTagsPerSeries]!);
    const pairs: [string, string][] = [];
    for (let i = 0; i < tags.length; i += 2) pairs.push([tags[i]!, tags[i + 1]!]);
    pairs.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    const sorted: string[] = [];
    for (let i = 0; i < pairs.length; i++) {
      const [name, value] = pairs[i]!;
      if (i > 0 && pairs[i - 1]![0] === name)
        return new Refusal('DuplicateTag', `Tag ${shown(name)} is given twice`, name);
      const refusal = checkTagName(name);
      if (refusal !== null) return refusal;
      if (value.includes('\0')) return new Refusal('InvalidValue', `The value of tag ${shown(name)} has a NUL`, name);
      if (value !== '') sorted.push(name, value);
    }
    return sorted;
  }

  private checkTag(name: string, value: string): Refusal | null {
    if (value.length > maxTagValueBytes / 4 && Buffer.byteLength(value) > maxTagValueBytes) {
      return new Refusal(
        'ValueTooLong',
        `The value of tag ${shown(name)} is longer than ${maxTagValueBytes} bytes`,
        name,
      );
    }
    if (!value.isWellFormed()) {
      return new Refusal('InvalidUtf8', `The value of tag ${shown(name)} is not valid Unicode`, name);
    }
    if (this.tagNames.has(name)) return null;
    if (this.tagNames.size >= maxTagsPerSeries) return this.tooMany('tags', maxTagsPerSeries, name);
    this.tagNames.add(name);
    return null;
  }

  private tooMany(what: string, limit: number, name: string): Refusal {
    return new Refusal('TooManyFields', `Series ${this.name} has more than ${limit} ${what}`, name);
  }

  private reserve(rows: number): void {
    this.capacity = Math.max(16, 2 * this.capacity, rows);
    this.keyOfRow = grown(this.keyOfRow, this.capacity);
    this.lineOfRow = grown(this.lineOfRow, this.capacity);
    this.timeWords = grown(this.timeWords, 2 * this.capacity);
  }
}

export function checkSeriesName(name: string): Refusal | null {
  const fault = nameFault(name);
  return fault === null ? null : new Refusal('InvalidName', `The series name "${shown(name)}" ${fault}`);
}

function checkTagName(name: string): Refusal | null {
  const fault = columnNameFault(name);
  return fault === null ? null : new Refusal('InvalidName', `The tag name "${shown(name)}" ${fault}`, name);
}

/** Tag sets by column, '' where a set does not have the tag. Both sides are sorted: one walk per set. */
function tagColumns(names: readonly string[], tagSets: readonly (readonly string[])[]): string[][] {
  const columns = names.map(() => new Array<string>(tagSets.length).fill(''));
  for (const [set, tags] of tagSets.entries()) {
    let column = 0;
    for (let i = 0; i < tags.length; i += 2) {
      while (names[column] !== tags[i]) column++;
      columns[column]![set] = tags[i + 1]!;
    }
  }
  return columns;
}
