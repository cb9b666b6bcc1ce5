import type { Position } from '../engine.ts';
import type { QValue } from '../qvalue.ts';
import { GrammarFault, list, long } from './grammar.ts';

export function encodePosition({ generation, offset }: Position): QValue {
  return [generation, offset];
}

export function decodePosition(value: QValue): Position {
  const [generation, offset] = list(value, 'position', 2) as [QValue, QValue];
  return { generation: long(generation, 'generation'), offset: long(offset, 'offset') };
}

/** The one argument of a call, and the position that may stand behind it. */
export function withPosition(given: readonly QValue[]): { readonly argument: QValue; readonly position?: Position } {
  const [argument, position] = given;
  if (argument === undefined || given.length > 2) throw new GrammarFault(`${given.length} arguments instead of 1 or 2`);
  return position === undefined ? { argument } : { argument, position: decodePosition(position) };
}

export function isBefore(a: Position, b: Position): boolean {
  return a.generation < b.generation || (a.generation === b.generation && a.offset < b.offset);
}

export function furthest(a: Position | undefined, b: Position | undefined): Position | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return isBefore(a, b) ? b : a;
}
