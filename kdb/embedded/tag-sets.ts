// The tag sets of one series, interned: id 0, 1, 2, … in the order they were first written.
import { EngineError } from '../../src/kdb/engine-error.ts';

/** Grows a vector of int32 to hold `length` items. */
export function withRoom(values: Int32Array, length: number, fill: number): Int32Array {
  if (length <= values.length) return values;
  const next = new Int32Array(Math.max(length, values.length * 2, 16)).fill(fill, values.length);
  next.set(values);
  return next;
}

export class TagSets {
  readonly #ids = new Map<string, number>();
  /** Per tag: the values seen; number 0 is '' (the tag set does not have the tag). */
  readonly values: string[][] = [];
  readonly #numbers: Map<string, number>[] = [];
  /** Per tag, per id: number of the value. */
  readonly index: Int32Array[] = [];

  /** Per tag, per value: the ids that have it, up to how many ids it was made for. */
  readonly #postings: { made: number; readonly ids: number[][] }[] = [];

  get count(): number {
    return this.#ids.size;
  }

  get keys(): IterableIterator<string> {
    return this.#ids.keys();
  }

  id(key: string): number | undefined {
    return this.#ids.get(key);
  }

  addTag(): void {
    this.values.push(['']);
    this.#numbers.push(new Map([['', 0]]));
    this.index.push(new Int32Array(Math.max(16, this.count)));
  }

  intern(key: string): number {
    const known = this.#ids.get(key);
    if (known !== undefined) return known;
    const id = this.#ids.size;
    this.#ids.set(key, id);
    for (let tag = 0; tag < this.index.length; tag++) this.index[tag] = withRoom(this.index[tag]!, id + 1, 0);
    for (const { tag, value } of readKey(key)) this.index[tag]![id] = this.#number(tag, value);
    return id;
  }

  valueOf(id: number, tag: number): string {
    return this.values[tag]![this.index[tag]![id]!]!;
  }

  /** The number of a tag value, or undefined when no tag set has it. */
  numberOf(tag: number, value: string): number | undefined {
    return this.#numbers[tag]!.get(value);
  }

  /** The ids whose tag has the value, ascending. */
  idsWith(tag: number, number: number): readonly number[] {
    let postings = this.#postings[tag];
    if (!postings) {
      postings = { made: 0, ids: [] };
      this.#postings[tag] = postings;
    }
    const index = this.index[tag]!;
    for (; postings.made < this.count; postings.made++) {
      const own = postings.ids[index[postings.made]!];
      if (own) own.push(postings.made);
      else postings.ids[index[postings.made]!] = [postings.made];
    }
    return postings.ids[number] ?? [];
  }

  #number(tag: number, value: string): number {
    let number = this.#numbers[tag]!.get(value);
    if (number === undefined) {
      number = this.values[tag]!.length;
      this.values[tag]!.push(value);
      this.#numbers[tag]!.set(value, number);
    }
    return number;
  }
}

// A key is, for each tag that is there, one character for the tag (its number and 1), the value and NUL, tags in the order of their numbers.

/** Keys of the tag sets of a request: tags[i] is the number of the tag of columns[i]. */
export function writeKeys(tags: readonly number[], columns: readonly (readonly string[])[], count: number): string[] {
  const order = tags.map((_, i) => i).sort((a, b) => tags[a]! - tags[b]!);
  const marks = order.map((i) => String.fromCharCode(tags[i]! + 1));
  const keys = new Array<string>(count);
  for (let set = 0; set < count; set++) {
    let key = '';
    for (let i = 0; i < order.length; i++) {
      const value = columns[order[i]!]![set]!;
      if (value === '') continue;
      if (value.includes('\0')) throw new EngineError('BadCall', 'a tag value has a NUL character');
      key += `${marks[i]}${value}\0`;
    }
    keys[set] = key;
  }
  return keys;
}

export function* readKey(key: string): Generator<{ tag: number; value: string }> {
  for (let at = 0; at < key.length; ) {
    const end = key.indexOf('\0', at);
    yield { tag: key.charCodeAt(at) - 1, value: key.slice(at + 1, end) };
    at = end + 1;
  }
}
