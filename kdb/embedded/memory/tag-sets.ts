// The tag sets of one series, interned: id 0, 1, 2, … in the order they were first written. A tag set is a row of numbers, one per tag, that number
// the values of that tag; ids are found by a hash of the row. With 3 tags, one of them unique, a set costs some 110 bytes here; a million new ones
// are interned in 0.9 s.

/** Grows a vector of int32 to hold `length` items. */
export function withRoom(values: Int32Array, length: number, fill: number): Int32Array {
  if (length <= values.length) return values;
  const next = new Int32Array(Math.max(length, values.length * 2, 16)).fill(fill, values.length);
  next.set(values);
  return next;
}

/** What a state file keeps: of each tag its values, and per id the number of its value. Neither changes once it is there, so nothing is copied. */
export interface SavedTagSets {
  readonly count: number;
  readonly values: readonly { readonly texts: readonly string[]; readonly count: number }[];
  readonly index: readonly Int32Array[];
}

/** Where interning stood: what came later is forgotten when a request is refused. */
interface Mark {
  readonly interned: number;
  readonly values: readonly number[];
}

/** A value takes its characters and this: the string, its place, an entry of a map. Measured: 70 bytes with 11 characters. */
const valueBytes = 60;

/** What a tag set takes that has no value of its own yet: numbers, hash, slot; arrays are a half empty on average. */
export function tagSetBytes(tags: number): number {
  return 20 + 6 * tags + valueBytes;
}

/** Asked for what is not known yet; refuses by throwing. */
export interface Admission {
  newSet(): void;
  newValue(tag: number, value: string): void;
}

export class TagSets {
  /** Per tag: the values seen; number 0 is '' (the tag set does not have the tag). */
  readonly values: string[][] = [];
  readonly #numbers: ValueNumbers[] = [];
  /** Per tag, per id: number of the value. */
  readonly index: Int32Array[] = [];
  /** Ids below this one are settled; those from there on belong to requests that are not in the journal yet. */
  count = 0;
  #interned = 0;
  #valueBytes = 0;
  /** Per id. */
  #hashes: Int32Array = new Int32Array(16);
  /** Open addressing: id + 1, or 0. Always as if filled in the order of ids, so that the newest id is removed by clearing its slot. */
  #slots: Int32Array = new Int32Array(32);
  /** Per tag, per value: the ids that have it, up to how many ids it was made for. */
  #postings: { made: number; readonly ids: number[][] }[] = [];

  get bytes(): number {
    let bytes = this.#valueBytes + this.#hashes.byteLength + this.#slots.byteLength;
    for (const { byteLength } of this.index) bytes += byteLength;
    // Lists of the ids of a value, once somebody asked: most have one id.
    for (const postings of this.#postings) bytes += postings ? 8 * postings.made + 64 * postings.ids.length : 0;
    return bytes;
  }

  addTag(): void {
    this.values.push(['']);
    this.#numbers.push(new ValueNumbers());
    this.index.push(new Int32Array(Math.max(16, this.#interned)));
  }

  removeTag(): void {
    this.values.pop();
    this.#numbers.pop();
    this.index.pop();
  }

  mark(): Mark {
    return { interned: this.#interned, values: this.values.map(({ length }) => length) };
  }

  rollback({ interned, values }: Mark): void {
    while (this.#interned > interned) this.#slots[this.#slotOf(--this.#interned)] = 0;
    for (const [tag, length] of values.entries()) {
      const texts = this.values[tag]!;
      while (texts.length > length) {
        const text = texts.pop()!;
        this.#numbers[tag]!.delete(text);
        this.#valueBytes -= valueBytes + text.length;
      }
    }
  }

  /** What was interned is in the journal. */
  settle(): void {
    this.count = this.#interned;
  }

  /** The ids of `sets` tag sets: columns[i] has the values of tag tags[i], '' where a set does not have it. */
  intern(
    tags: readonly number[],
    columns: readonly (readonly string[])[],
    sets: number,
    admission: Admission,
  ): Int32Array {
    const numbers = tags.map((tag, i) => this.#numbersOf(tag, columns[i]!, admission));
    const ids = new Int32Array(sets);
    for (let set = 0; set < sets; set++) {
      let hash = 0;
      for (let i = 0; i < tags.length; i++) hash = withTag(hash, tags[i]!, numbers[i]![set]!);
      let slot = hash & (this.#slots.length - 1);
      let id = this.#slots[slot]! - 1;
      while (id >= 0 && !(this.#hashes[id] === hash && this.#has(id, tags, numbers, set))) {
        slot = (slot + 1) & (this.#slots.length - 1);
        id = this.#slots[slot]! - 1;
      }
      if (id < 0) {
        admission.newSet();
        id = this.#interned++;
        this.#hashes = withRoom(this.#hashes, id + 1, 0);
        this.#hashes[id] = hash;
        for (let tag = 0; tag < this.index.length; tag++) {
          this.index[tag] = withRoom(this.index[tag]!, id + 1, 0);
          this.index[tag]![id] = 0;
        }
        for (let i = 0; i < tags.length; i++) this.index[tags[i]!]![id] = numbers[i]![set]!;
        this.#slots[slot] = id + 1;
        if (2 * this.#interned > this.#slots.length) this.#rehash();
      }
      ids[set] = id;
    }
    return ids;
  }

  valueOf(id: number, tag: number): string {
    return this.values[tag]![this.index[tag]![id]!]!;
  }

  /** The number of a tag value, or undefined when no tag set has it. */
  numberOf(tag: number, value: string): number | undefined {
    return value === '' ? 0 : this.#numbers[tag]!.get(value);
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

  save(): SavedTagSets {
    const { count } = this;
    return {
      count,
      values: this.values.map((texts) => ({ texts, count: texts.length })),
      index: this.index.map((numbers) => numbers.subarray(0, count)),
    };
  }

  load({ count, values, index }: SavedTagSets): void {
    for (const [tag, { texts }] of values.entries()) {
      this.addTag();
      for (let number = 1; number < texts.length; number++) {
        this.values[tag]!.push(texts[number]!);
        this.#numbers[tag]!.set(texts[number]!, number);
        this.#valueBytes += valueBytes + texts[number]!.length;
      }
      this.index[tag] = withRoom(index[tag]!, 16, 0);
    }
    this.#hashes = new Int32Array(Math.max(16, count));
    for (let id = 0; id < count; id++) {
      let hash = 0;
      for (let tag = 0; tag < index.length; tag++) hash = withTag(hash, tag, index[tag]![id]!);
      this.#hashes[id] = hash;
    }
    this.#interned = count;
    this.count = count;
    while (2 * count > this.#slots.length) this.#slots = new Int32Array(2 * this.#slots.length);
    this.#fill();
  }

  /** Numbers of the values of one tag. Neighbours are often alike. */
  #numbersOf(tag: number, column: readonly string[], admission: Admission): Int32Array {
    const known = this.#numbers[tag]!;
    const texts = this.values[tag]!;
    const numbers = new Int32Array(column.length);
    let last = '';
    let lastNumber = 0;
    for (let i = 0; i < column.length; i++) {
      const value = column[i]!;
      if (value !== last) {
        last = value;
        lastNumber = value === '' ? 0 : (known.get(value) ?? -1);
        if (lastNumber < 0) {
          admission.newValue(tag, value);
          lastNumber = texts.push(value) - 1;
          known.set(value, lastNumber);
          this.#valueBytes += valueBytes + value.length;
        }
      }
      numbers[i] = lastNumber;
    }
    return numbers;
  }

  /** Whether the id is that of a set of a request. Of equal hashes nearly all are, so the tags that the request does not name come last. */
  #has(id: number, tags: readonly number[], numbers: readonly Int32Array[], set: number): boolean {
    let others = 0;
    for (let i = 0; i < tags.length; i++) {
      const number = numbers[i]![set]!;
      if (this.index[tags[i]!]![id] !== number) return false;
      if (number > 0) others--;
    }
    if (tags.length < this.index.length)
      for (let tag = 0; tag < this.index.length; tag++) if (this.index[tag]![id] !== 0) others++;
    return tags.length === this.index.length || others === 0;
  }

  #slotOf(id: number): number {
    let slot = this.#hashes[id]! & (this.#slots.length - 1);
    while (this.#slots[slot] !== id + 1) slot = (slot + 1) & (this.#slots.length - 1);
    return slot;
  }

  #rehash(): void {
    this.#slots = new Int32Array(2 * this.#slots.length);
    this.#fill();
  }

  #fill(): void {
    const slots = this.#slots;
    const mask = slots.length - 1;
    for (let id = 0; id < this.#interned; id++) {
      let slot = this.#hashes[id]! & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = id + 1;
    }
  }
}

/** The order of tags does not matter, and a tag that is not there (number 0) changes nothing: tags are added later. */
function withTag(hash: number, tag: number, number: number): number {
  if (number === 0) return hash;
  let mixed = Math.imul(number, 0x9e3779b1) ^ Math.imul(tag + 1, 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x2c1b3c6d);
  return (hash + (mixed ^ (mixed >>> 13))) | 0;
}

/** In shards, so that growing one holds up nobody: a map of 500,000 strings takes 60 ms to grow. */
const shards = 16;

/** Numbers of the values of one tag. */
class ValueNumbers {
  readonly #maps: (Map<string, number> | undefined)[] = [];

  get(value: string): number | undefined {
    return this.#maps[shardOf(value)]?.get(value);
  }

  set(value: string, number: number): void {
    const shard = shardOf(value);
    this.#maps[shard] ??= new Map();
    this.#maps[shard].set(value, number);
  }

  delete(value: string): void {
    this.#maps[shardOf(value)]?.delete(value);
  }
}

/** By the end, where names that are counted through differ. */
function shardOf(value: string): number {
  const { length } = value;
  return (value.charCodeAt(length - 1) + (length > 1 ? 7 * value.charCodeAt(length - 2) : 0)) % shards;
}
