// The values of q: a type number [basics/datatypes] and what it holds. A value never changes: an amend makes another one.
// Text is kept as bytes, one character a byte (latin1), in symbols too: q counts and sorts bytes.

export type Attribute = '' | 's' | 'u' | 'p' | 'g';

/** Booleans, bytes, shorts, ints, floats, chars (a byte) and the narrow temporals; longs and nanoseconds; symbols, and guids as their 36 characters. */
export type Cell = number | bigint | string;
export type Storage = Uint8Array | Int16Array | Int32Array | BigInt64Array | Float32Array | Float64Array | string[];

export interface Atom {
  readonly kind: 'atom';
  readonly t: number;
  readonly v: Cell;
}
export interface Vector {
  readonly kind: 'vector';
  readonly t: number;
  readonly v: Storage;
  readonly a: Attribute;
}
export interface List {
  readonly kind: 'list';
  readonly t: 0;
  readonly v: readonly Q[];
}
export interface Dict {
  readonly kind: 'dict';
  readonly t: 99;
  readonly k: Q;
  readonly v: Q;
  readonly a: Attribute;
}
export interface Table {
  readonly kind: 'table';
  readonly t: 98;
  readonly names: readonly string[];
  readonly columns: readonly Q[];
  readonly a: Attribute;
}
export interface Lambda {
  readonly kind: 'lambda';
  readonly t: 100;
  readonly source: string;
  readonly namespace: string;
  readonly parameters: readonly string[];
  readonly call: (args: readonly Q[]) => Q;
}
/** 101 unary, 102 binary (more arguments for those that take them), 103 iterator. */
export interface Primitive {
  readonly kind: 'primitive';
  readonly t: 101 | 102 | 103;
  readonly name: string;
  /** How many arguments it can take, least first; the least is its rank when it is projected or iterated. */
  readonly ranks: readonly number[];
  readonly call: (args: readonly Q[]) => Q;
}
export interface Projection {
  readonly kind: 'projection';
  readonly t: 104;
  readonly f: Q;
  readonly args: readonly (Q | undefined)[];
}
export interface Composition {
  readonly kind: 'composition';
  readonly t: 105;
  readonly fs: readonly Q[];
}
export type Iterator = "'" | '/' | '\\' | "':" | '/:' | '\\:';
export interface Derived {
  readonly kind: 'derived';
  /** 106 + the place of the iterator among `iterators`. */
  readonly t: number;
  readonly iterator: Iterator;
  readonly f: Q;
}
export type Func = Lambda | Primitive | Projection | Composition | Derived;
export type Q = Atom | Vector | List | Dict | Table | Func;

export const iterators: readonly Iterator[] = ["'", '/', '\\', "':", '/:', '\\:'];

/** An error of q: what a trap gets as its text. */
export class Signal extends Error {
  readonly text: string;
  /** The text as bytes, one character a byte. */
  constructor(text: string) {
    super(`'${text}`);
    this.text = text;
  }
}
export const fail = (text: string): never => {
  throw new Signal(text);
};
/** What this interpreter does not know yet. */
export const notYet = (what: string): never => fail(`nyi ${what}`);

// ---- types ----

/** By type number: letter, name, storage. */
const types: Record<number, readonly [string, string]> = {
  1: ['b', 'boolean'],
  2: ['g', 'guid'],
  4: ['x', 'byte'],
  5: ['h', 'short'],
  6: ['i', 'int'],
  7: ['j', 'long'],
  8: ['e', 'real'],
  9: ['f', 'float'],
  10: ['c', 'char'],
  11: ['s', 'symbol'],
  12: ['p', 'timestamp'],
  13: ['m', 'month'],
  14: ['d', 'date'],
  15: ['z', 'datetime'],
  16: ['n', 'timespan'],
  17: ['u', 'minute'],
  18: ['v', 'second'],
  19: ['t', 'time'],
};
const byLetter = new Map(Object.entries(types).map(([t, [letter]]) => [letter, Number(t)]));
const byName = new Map(Object.entries(types).map(([t, [, name]]) => [name, Number(t)]));
export const letterOf = (t: number): string => types[Math.abs(t)]?.[0] ?? ' ';
export const typeName = (t: number): string => types[Math.abs(t)]?.[1] ?? '';
export const typeOfLetter = (letter: string): number | undefined => byLetter.get(letter);
export const typeOfName = (name: string): number | undefined => byName.get(name);

export const isBig = (t: number): boolean => t === 7 || t === 12 || t === 16 || t === -7 || t === -12 || t === -16;
export const isFloating = (t: number): boolean => t === 8 || t === 9 || t === 15 || t === -8 || t === -9 || t === -15;
export const isNarrow = (t: number): boolean => [6, 13, 14, 17, 18, 19].includes(Math.abs(t));

// ---- nulls and infinities [basics/datatypes] ----

export const nullLong = -(2n ** 63n);
export const infiniteLong = 2n ** 63n - 1n;
export const nullInt = -(2 ** 31);
export const infiniteInt = 2 ** 31 - 1;
export const nullGuid = '00000000-0000-0000-0000-000000000000';

/** What stands for nothing in a vector of the type: also booleans and bytes have it, as 0. */
export function nullCell(type: number): Cell {
  const t = Math.abs(type);
  if (t === 2) return nullGuid;
  if (t === 1 || t === 4) return 0;
  if (t === 5) return -32768;
  if (t === 10) return 32;
  if (t === 11) return '';
  if (isBig(t)) return nullLong;
  if (isFloating(t)) return Number.NaN;
  return nullInt;
}
export function infiniteCell(type: number): Cell {
  const t = Math.abs(type);
  if (t === 5) return 32767;
  if (isBig(t)) return infiniteLong;
  if (isFloating(t)) return Number.POSITIVE_INFINITY;
  return infiniteInt;
}
export function isNullCell(type: number, cell: Cell): boolean {
  const t = Math.abs(type);
  if (t === 1 || t === 4) return false;
  return isFloating(t) ? Number.isNaN(cell) : cell === nullCell(t);
}

// ---- constructors ----

export const atom = (t: number, v: Cell): Atom => ({ kind: 'atom', t: -Math.abs(t), v });
export const boolean = (v: boolean): Atom => (v ? yes : no);
const yes = atom(1, 1);
const no = atom(1, 0);
export const int = (v: number): Atom => atom(6, v);
export const short = (v: number): Atom => atom(5, v);
export const long = (v: bigint | number): Atom => atom(7, BigInt(v));
export const float = (v: number): Atom => atom(9, v);
export const char = (v: string): Atom => atom(10, v.charCodeAt(0));
/** Of bytes, one character a byte. */
export const symbol = (v: string): Atom => atom(11, v);

export function storage(type: number, length: number): Storage {
  const t = Math.abs(type);
  if (t === 2 || t === 11) return new Array<string>(length).fill(t === 2 ? nullGuid : '');
  if (t === 1 || t === 4 || t === 10) return new Uint8Array(length);
  if (t === 5) return new Int16Array(length);
  if (isBig(t)) return new BigInt64Array(length);
  if (t === 8) return new Float32Array(length);
  if (isFloating(t)) return new Float64Array(length);
  return new Int32Array(length);
}
export const vector = (t: number, v: Storage, a: Attribute = ''): Vector => ({ kind: 'vector', t, v, a });
/** A vector of the cells given, which are of the type. */
export function vectorOf(t: number, cells: ArrayLike<Cell>): Vector {
  const v = storage(t, cells.length) as Cell[];
  for (let i = 0; i < cells.length; i++) v[i] = cells[i]!;
  return vector(t, v as Storage);
}
export const symbols = (v: readonly string[]): Vector => vector(11, [...v]);
export const longs = (v: readonly (bigint | number)[]): Vector => vector(7, BigInt64Array.from(v, BigInt));
export const booleans = (v: Uint8Array): Vector => vector(1, v);
export const list = (v: readonly Q[]): List => ({ kind: 'list', t: 0, v });
export const empty: List = list([]);
/** A char vector of bytes, one character a byte. */
export const chars = (text: string): Vector => vector(10, Buffer.from(text, 'latin1'));
/** The same of a text of JavaScript, as UTF-8. */
export const utf8 = (text: string): Vector => vector(10, new Uint8Array(Buffer.from(text, 'utf8')));
export const dict = (k: Q, v: Q, a: Attribute = ''): Dict => ({ kind: 'dict', t: 99, k, v, a });
export const table = (names: readonly string[], columns: readonly Q[], a: Attribute = ''): Table => ({
  kind: 'table',
  t: 98,
  names,
  columns,
  a,
});
export const projection = (f: Q, args: readonly (Q | undefined)[]): Projection => ({
  kind: 'projection',
  t: 104,
  f,
  args,
});
export const composition = (fs: readonly Q[]): Composition => ({ kind: 'composition', t: 105, fs });
export const derived = (iterator: Iterator, f: Q): Derived => ({
  kind: 'derived',
  t: 106 + iterators.indexOf(iterator),
  iterator,
  f,
});
export const primitive = (name: string, ranks: readonly number[], call: (args: readonly Q[]) => Q): Primitive => ({
  kind: 'primitive',
  t: ranks[0] === 1 ? 101 : 102,
  name,
  ranks,
  call,
});
/** The generic null, ::, which gives back what it is applied to. */
export const nothing: Primitive = primitive('::', [1], (args) => args[0]!);

// ---- what kind ----

export const isAtom = (x: Q): x is Atom => x.kind === 'atom';
export const isVector = (x: Q): x is Vector => x.kind === 'vector';
export const isList = (x: Q): x is Vector | List => x.kind === 'vector' || x.kind === 'list';
export const isDict = (x: Q): x is Dict => x.kind === 'dict';
export const isTable = (x: Q): x is Table => x.kind === 'table';
export const isKeyed = (x: Q): x is Dict & { readonly k: Table; readonly v: Table } =>
  x.kind === 'dict' && x.k.kind === 'table' && x.v.kind === 'table';
export const isFunction = (x: Q): x is Func => x.t >= 100;
/** A char vector. No type guard: what is not text may be another vector. */
export const isText = (x: Q): boolean => x.kind === 'vector' && x.t === 10;
export const isNothing = (x: Q): boolean => x === nothing;
export const isSymbol = (x: Q): x is Atom => x.kind === 'atom' && x.t === -11;

/** The bytes of a char vector or char, or the text of a symbol. */
export function textOf(x: Q): string {
  if (x.kind === 'vector' && x.t === 10) return Buffer.from(x.v as Uint8Array).toString('latin1');
  if (x.kind === 'atom' && x.t === -10) return String.fromCharCode(x.v as number);
  if (x.kind === 'atom' && x.t === -11) return x.v as string;
  if (x.kind === 'list' && x.v.length === 0) return '';
  return fail('type');
}
