import { CodecError } from './codec-error.ts';
import { Atom, Booleans, Chars, Dict, Guid, Opaque, type QValue, Sym, Symbols, Table, Vector } from './qvalue.ts';

/** How deep lists, dictionaries and tables may nest, both ways. */
export const maxDepth = 64;

/** Vectors of up to so many items are read and written item by item. */
export const fewItems = 8;

type Bytes = Uint8Array | Int16Array | Int32Array | BigInt64Array | Float32Array | Float64Array;

/** Bytes per item of the types of Atom and Vector; the key is the (positive) type. */
export const itemBytes: Readonly<Record<number, number>> = {
  ...{ 2: 16, 4: 1, 5: 2, 6: 4, 8: 4, 10: 1 },
  ...{ 12: 8, 13: 4, 14: 4, 15: 8, 16: 8, 17: 4, 18: 4, 19: 4 },
};

/** Bytes that the value takes in a message. Faults of the value are found here, so that `write` cannot fail half-way. */
export function sizeOf(value: QValue, depth = 0): number {
  if (depth > maxDepth) throw new CodecError(`a value nests deeper than ${maxDepth}`);
  if (value === null || typeof value === 'boolean') return 2;
  if (typeof value === 'number') return 9;
  if (typeof value === 'bigint') {
    if (BigInt.asIntN(64, value) !== value) throw new CodecError(`${value} does not fit a long`);
    return 9;
  }
  if (value instanceof Sym) return 1 + symbolBytes(value.name);
  if (value instanceof Symbols) return 6 + symbolsBytes(value.names);
  if (value instanceof Chars || value instanceof Booleans) return 6 + value.bytes.length;
  if (value instanceof Guid) {
    if (value.bytes.length !== 16) throw new CodecError(`a guid has 16 bytes, not ${value.bytes.length}`);
    return 17;
  }
  if (value instanceof Atom) return 1 + atomBytes(value);
  if (value instanceof Vector) return 6 + vectorBytes(value);
  if (ArrayBuffer.isView(value)) return 6 + value.byteLength;
  if (value instanceof Dict) return 1 + sizeOf(value.keys, depth + 1) + sizeOf(value.values, depth + 1);
  if (value instanceof Table) {
    if (value.names.length !== value.columns.length) throw new CodecError('a table has as many names as columns');
    return 3 + 6 + symbolsBytes(value.names) + listBytes(value.columns, depth + 1);
  }
  if (value instanceof Opaque) throw new CodecError('functions are not sent');
  return listBytes(value as readonly QValue[], depth);
}

function listBytes(items: readonly QValue[], depth: number): number {
  let bytes = 6;
  for (const item of items) bytes += sizeOf(item, depth + 1);
  return bytes;
}

function symbolsBytes(names: readonly string[]): number {
  let bytes = 0;
  for (const name of names) bytes += symbolBytes(name);
  return bytes;
}

/** UTF-8 length and the closing NUL. A NUL inside would end the symbol early and shift all that follows. */
function symbolBytes(name: string): number {
  for (let i = 0; i < name.length; i++) {
    const unit = name.charCodeAt(i);
    if (unit === 0) throw new CodecError('a symbol has a NUL');
    if (unit < 0x80) continue;
    if (!name.isWellFormed()) throw new CodecError('a symbol is not valid Unicode');
    if (name.includes('\0', i)) throw new CodecError('a symbol has a NUL');
    return Buffer.byteLength(name) + 1;
  }
  return name.length + 1;
}

function atomBytes({ type, value }: Atom): number {
  const bytes = itemBytes[-type];
  if (bytes === undefined || type === -2) throw new CodecError(`${type} is no type of an atom`);
  if (bytes === 8 && type !== -15) {
    if (typeof value !== 'bigint' || BigInt.asIntN(64, value) !== value)
      throw new CodecError(`${value} is no value of type ${type}`);
    return 8;
  }
  const fits =
    typeof value === 'number' &&
    (type === -8 || type === -15 || (Number.isInteger(value) && inRange(value, bytes, type === -4 || type === -10)));
  if (!fits) throw new CodecError(`${value} is no value of type ${type}`);
  return bytes;
}

function inRange(value: number, bytes: number, unsigned: boolean): boolean {
  const span = 2 ** (8 * bytes);
  return unsigned ? value >= 0 && value < span : value >= -span / 2 && value < span / 2;
}

function vectorBytes({ type, values }: Vector): number {
  const fits =
    type === 2
      ? values instanceof Uint8Array && values.length % 16 === 0
      : type === 15
        ? values instanceof Float64Array
        : type === 12 || type === 16
          ? values instanceof BigInt64Array
          : type >= 13 && type <= 19 && values instanceof Int32Array;
  if (!fits) throw new CodecError(`a vector of type ${type} does not hold ${values.constructor.name}`);
  return values.byteLength;
}

/** Writes the value at `at` and gives the position behind it. `sizeOf` must have passed. */
export function write(value: QValue, out: Buffer, at: number): number {
  if (value === null) return writePair(out, at, 101, 0);
  if (typeof value === 'boolean') return writePair(out, at, -1, value ? 1 : 0);
  if (typeof value === 'bigint') return out.writeBigInt64LE(value, out.writeInt8(-7, at));
  if (typeof value === 'number') return out.writeDoubleLE(value, out.writeInt8(-9, at));
  if (value instanceof Sym) return writeSymbol(value.name, out, out.writeInt8(-11, at));
  if (value instanceof Symbols) return writeSymbols(value.names, out, at);
  if (value instanceof Chars) return writeVector(10, value.bytes, 1, out, at);
  if (value instanceof Booleans) return writeVector(1, value.bytes, 1, out, at);
  if (value instanceof Guid) return writeBytes(value.bytes, out, out.writeInt8(-2, at));
  if (value instanceof Atom) return writeAtom(value, out, out.writeInt8(value.type, at));
  if (value instanceof Vector) return writeVector(value.type, value.values, itemBytes[value.type]!, out, at);
  if (ArrayBuffer.isView(value)) return writeTyped(value as Bytes, out, at);
  if (value instanceof Dict) return write(value.values, out, write(value.keys, out, out.writeInt8(99, at)));
  if (value instanceof Table) {
    const body = out.writeInt8(99, writePair(out, at, 98, 0));
    return writeList(value.columns, out, writeSymbols(value.names, out, body));
  }
  return writeList(value as readonly QValue[], out, at);
}

function writePair(out: Buffer, at: number, type: number, byte: number): number {
  out[at] = type;
  out[at + 1] = byte;
  return at + 2;
}

function writeHead(type: number, count: number, out: Buffer, at: number): number {
  return out.writeInt32LE(count, writePair(out, at, type, 0));
}

function writeList(items: readonly QValue[], out: Buffer, at: number): number {
  let end = writeHead(0, items.length, out, at);
  for (const item of items) end = write(item, out, end);
  return end;
}

function writeSymbols(names: readonly string[], out: Buffer, at: number): number {
  let end = writeHead(11, names.length, out, at);
  for (const name of names) end = writeSymbol(name, out, end);
  return end;
}

/** Up to here a loop is faster than Buffer.write: 20 ns against 50 for 4 letters, 95 against 115 for 12, 125 against 85 for 16. */
const fewLetters = 12;

function writeSymbol(name: string, out: Buffer, at: number): number {
  let end = at;
  if (name.length > fewLetters) {
    end += out.write(name, at, 'utf8');
  } else {
    for (let i = 0; i < name.length; i++) {
      const unit = name.charCodeAt(i);
      if (unit >= 0x80) {
        end = at + out.write(name, at, 'utf8');
        break;
      }
      out[end++] = unit;
    }
  }
  out[end] = 0;
  return end + 1;
}

function writeAtom({ type, value }: Atom, out: Buffer, at: number): number {
  if (typeof value === 'bigint') return out.writeBigInt64LE(value, at);
  if (type === -8) return out.writeFloatLE(value, at);
  if (type === -15) return out.writeDoubleLE(value, at);
  if (type === -5) return out.writeInt16LE(value, at);
  if (type === -4 || type === -10) return out.writeUInt8(value, at);
  return out.writeInt32LE(value, at);
}

function writeTyped(values: Bytes, out: Buffer, at: number): number {
  const type =
    values instanceof Float64Array
      ? 9
      : values instanceof BigInt64Array
        ? 7
        : values instanceof Int32Array
          ? 6
          : values instanceof Uint8Array
            ? 4
            : values instanceof Int16Array
              ? 5
              : 8;
  return writeVector(type, values, values.BYTES_PER_ELEMENT, out, at);
}

function writeVector(type: number, values: Bytes, width: number, out: Buffer, at: number): number {
  return writeBytes(values, out, writeHead(type, values.byteLength / width, out, at));
}

function writeBytes(values: Bytes, out: Buffer, at: number): number {
  if (values.length <= fewItems) return writeFew(values, out, at);
  out.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), at);
  return at + values.byteLength;
}

/** Item by item: a view of a small array's memory would first move it off V8's heap. */
function writeFew(values: Bytes, out: Buffer, at: number): number {
  let end = at;
  if (values instanceof BigInt64Array) for (const value of values) end = out.writeBigInt64LE(value, end);
  else if (values instanceof Float64Array) for (const value of values) end = out.writeDoubleLE(value, end);
  else if (values instanceof Int32Array) for (const value of values) end = out.writeInt32LE(value, end);
  else if (values instanceof Float32Array) for (const value of values) end = out.writeFloatLE(value, end);
  else if (values instanceof Int16Array) for (const value of values) end = out.writeInt16LE(value, end);
  else for (const value of values) out[end++] = value;
  return end;
}
