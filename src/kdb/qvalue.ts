// q values as TypeScript sees them. Vectors are typed arrays; whatever JavaScript cannot tell apart has a small class.
// The IPC bytes of each are in codec.ts; the type numbers are those of https://code.kx.com/q/basics/datatypes/.

/** Symbol atom (-11). Interned for ever by q: names only, never user text. */
export class Sym {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}

/** Symbol vector (11). */
export class Symbols {
  readonly names: readonly string[];
  constructor(names: readonly string[]) {
    this.names = names;
  }
}

/** Char vector (10): bytes, UTF-8 by convention. */
export class Chars {
  readonly bytes: Uint8Array;
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }
  static of(text: string): Chars {
    return new Chars(Buffer.from(text, 'utf8'));
  }
  toString(): string {
    return Buffer.from(this.bytes.buffer, this.bytes.byteOffset, this.bytes.byteLength).toString('utf8');
  }
}

/** Boolean vector (1): one byte per item, 0 or 1. */
export class Booleans {
  readonly bytes: Uint8Array;
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }
}

/** Guid atom (-2): 16 bytes. */
export class Guid {
  readonly bytes: Uint8Array;
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }
}

/** Any other atom: byte -4, short -5, int -6, real -8, char -10 (its byte), and the temporal atoms -12 … -19 as their raw number. */
export class Atom {
  readonly type: number;
  readonly value: number | bigint;
  constructor(type: number, value: number | bigint) {
    this.type = type;
    this.value = value;
  }
}

/** Any other vector: guid 2 (16 bytes an item) and the temporal vectors 12 … 19 as their raw numbers. */
export class Vector {
  readonly type: number;
  readonly values: Uint8Array | Int32Array | BigInt64Array | Float64Array;
  constructor(type: number, values: Uint8Array | Int32Array | BigInt64Array | Float64Array) {
    this.type = type;
    this.values = values;
  }
}

/** Dictionary (99, or 127 when sorted). A keyed table is a dictionary of two tables. */
export class Dict {
  readonly keys: QValue;
  readonly values: QValue;
  constructor(keys: QValue, values: QValue) {
    this.keys = keys;
    this.values = values;
  }
  /** A dictionary with symbol keys. */
  static of(entries: Record<string, QValue>): Dict {
    return new Dict(new Symbols(Object.keys(entries)), Object.values(entries));
  }
}

/** Table (98): one column of equal length per name. */
export class Table {
  readonly names: readonly string[];
  readonly columns: readonly QValue[];
  constructor(names: readonly string[], columns: readonly QValue[]) {
    this.names = names;
    this.columns = columns;
  }
}

/** A function or primitive (100 and above, other than ::). Carried by type only, never run. */
export class Opaque {
  readonly type: number;
  constructor(type: number) {
    this.type = type;
  }
}

/** An error reply (-128). */
export class QError extends Error {}

/**
 * null is the generic null (::); boolean -1; bigint long -7; number float -9; a plain array is a general list (0);
 * Uint8Array byte 4, Int16Array short 5, Int32Array int 6, BigInt64Array long 7, Float32Array real 8, Float64Array float 9.
 */
export type QValue =
  | null
  | boolean
  | bigint
  | number
  | Sym
  | Symbols
  | Chars
  | Booleans
  | Guid
  | Atom
  | Vector
  | Uint8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Float32Array
  | Float64Array
  | Dict
  | Table
  | Opaque
  | readonly QValue[];
