// The bounds of what a file says of itself (Thrift's compact protocol), looked at before anything is made of it: the reader that makes objects
// believes lengths, so a footer of a hundred bytes could ask it for gigabytes.
// https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md

import { Damaged } from './damaged.ts';

/** Parquet's own structures are 7 deep. */
const maxDepth = 16;

const stop = 0;
const byte = 3;
const binary = 8;
const list = 9;
const set = 10;
const struct = 12;

/** The end of the struct that begins at `start`; -1 when the bytes end before it. Throws when it holds more than `maxValues` values. */
export function structEnd(bytes: Uint8Array, start: number, maxValues: number): number {
  let at = start;
  let values = 0;

  const varint = (): number => {
    let value = 0;
    for (let shift = 0; at < bytes.length; shift += 7) {
      const next = bytes[at++]!;
      value += (next & 0x7f) * 2 ** shift;
      if (next < 0x80) return value;
      if (shift > 63) throw new Damaged('a number in it has more than 64 bits');
    }
    throw new TooShort();
  };
  const skip = (count: number): void => {
    at += count;
    if (at > bytes.length) throw new TooShort();
  };
  const element = (type: number, depth: number, inList: boolean): void => {
    if (++values > maxValues) throw new Damaged(`it says more than ${maxValues} things of itself`);
    if (depth > maxDepth) throw new Damaged(`what it says of itself is more than ${maxDepth} deep`);
    if (type <= 2) skip(inList ? 1 : 0);
    else if (type === byte) skip(1);
    else if (type <= 6) varint();
    else if (type === 7) skip(8);
    else if (type === binary) skip(varint());
    else if (type === list || type === set) elements(depth);
    else if (type === struct) fields(depth + 1);
    else throw new Damaged(`it has a value of the unknown type ${type}`);
  };
  const elements = (depth: number): void => {
    skip(1);
    const head = bytes[at - 1]!;
    const count = head >> 4 === 15 ? varint() : head >> 4;
    // Each takes a byte at least: a reader may make room for all of them at once.
    if (values + count > maxValues) throw new Damaged(`it says more than ${maxValues} things of itself`);
    if (count > bytes.length - at) throw new TooShort();
    for (let i = 0; i < count; i++) element(head & 15, depth + 1, true);
  };
  const fields = (depth: number): void => {
    for (;;) {
      skip(1);
      const head = bytes[at - 1]!;
      if ((head & 15) === stop) return;
      if (head >> 4 === 0) varint();
      element(head & 15, depth, false);
    }
  };

  try {
    fields(0);
    return at;
  } catch (error) {
    if (error instanceof TooShort) return -1;
    throw error;
  }
}

class TooShort extends Error {}
