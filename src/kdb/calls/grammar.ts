import type { CallName } from '../contract.ts';
import { Atom, Booleans, Chars, Guid, type QValue, Sym, Symbols } from '../qvalue.ts';

// Readers for the letters of contract.ts. Each takes what the value is for, which stands in the fault.

/** The value does not have the type that contract.ts gives it. */
export class GrammarFault extends Error {}

/** How one call's arguments and reply become q values, and back. */
export interface CallCodec<Arguments, Reply> {
  readonly name: CallName;
  encodeArguments(given: Arguments): readonly QValue[];
  /** Checks everything: what it returns has the shape that its type says. Throws GrammarFault or an EngineError. */
  decodeArguments(given: readonly QValue[]): Arguments;
  encodeReply(reply: Reply): QValue;
  decodeReply(reply: QValue): Reply;
}

export function fault(what: string, expected: string): GrammarFault {
  return new GrammarFault(`${what} is not ${expected}`);
}

export function nothing(value: QValue, what: string): null {
  if (value !== null) throw fault(what, 'the null ::');
  return null;
}

export function symbol(value: QValue, what: string): string {
  if (!(value instanceof Sym)) throw fault(what, 'a symbol');
  return value.name;
}

export function symbols(value: QValue, what: string): readonly string[] {
  if (!(value instanceof Symbols)) throw fault(what, 'a symbol vector');
  return value.names;
}

export function long(value: QValue, what: string): bigint {
  if (typeof value !== 'bigint') throw fault(what, 'a long');
  return value;
}

/** A long from 0 to `max`. */
export function count(value: QValue, what: string, max = Number.MAX_SAFE_INTEGER): number {
  const number = long(value, what);
  if (number < 0n || number > BigInt(max)) throw fault(what, `from 0 to ${max}`);
  return Number(number);
}

export function longs(value: QValue, what: string): BigInt64Array {
  if (!(value instanceof BigInt64Array)) throw fault(what, 'a long vector');
  return value;
}

export function ints(value: QValue, what: string): Int32Array {
  if (!(value instanceof Int32Array)) throw fault(what, 'an int vector');
  return value;
}

export function floats(value: QValue, what: string): Float64Array {
  if (!(value instanceof Float64Array)) throw fault(what, 'a float vector');
  return value;
}

export function bytes(value: QValue, what: string): Uint8Array {
  if (!(value instanceof Uint8Array)) throw fault(what, 'a byte vector');
  return value;
}

export function booleans(value: QValue, what: string): Uint8Array {
  if (!(value instanceof Booleans)) throw fault(what, 'a boolean vector');
  return value.bytes;
}

export function boolean(value: QValue, what: string): boolean {
  if (typeof value !== 'boolean') throw fault(what, 'a boolean');
  return value;
}

export function chars(value: QValue, what: string): Chars {
  if (!(value instanceof Chars)) throw fault(what, 'a char vector');
  return value;
}

export function char(value: QValue, what: string): string {
  if (!(value instanceof Atom) || value.type !== -10) throw fault(what, 'a char');
  return String.fromCharCode(value.value as number);
}

export function charAtom(letter: string): Atom {
  return new Atom(-10, letter.charCodeAt(0));
}

export function guid(value: QValue, what: string): Uint8Array {
  if (!(value instanceof Guid)) throw fault(what, 'a guid');
  return value.bytes;
}

/** A general list. q turns a list of like atoms into a vector, so symbol and long vectors count as lists of their atoms. */
export function list(value: QValue, what: string, length?: number): readonly QValue[] {
  const items = Array.isArray(value)
    ? (value as readonly QValue[])
    : value instanceof Symbols
      ? value.names.map((name) => new Sym(name))
      : value instanceof BigInt64Array
        ? [...value]
        : undefined;
  if (items === undefined) throw fault(what, 'a list');
  if (length !== undefined && items.length !== length) throw fault(what, `a list of ${length}`);
  return items;
}

/** What a call with one argument got. */
export function only(given: readonly QValue[]): QValue {
  if (given.length !== 1) throw new GrammarFault(`${given.length} arguments instead of 1`);
  return given[0]!;
}

export function distinct(names: readonly string[], what: string): readonly string[] {
  if (new Set(names).size !== names.length) throw new GrammarFault(`${what} has a name twice`);
  return names;
}
