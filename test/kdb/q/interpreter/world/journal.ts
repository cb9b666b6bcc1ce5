// Log files: -11! [basics/internal]. Behind the two bytes of a file stands an empty list, then a record after the other, as a handle appended them.

import { readFileSync } from 'node:fs';
import { fail, isAtom, long, longs, type Q } from '../values.ts';
import { Deserialiser, type Functions } from './deserialise.ts';
import { osError, pathOf } from './files.ts';

const headBytes = 2 + 6;

interface Sound {
  readonly records: readonly Q[];
  /** Behind the last whole record. */
  readonly bytes: number;
  readonly isWhole: boolean;
}

function soundPart(path: string, functions: Functions, most: number): Sound {
  const bytes = readOrFail(path);
  if (bytes.length < headBytes || bytes[0] !== 0xff || bytes[1] !== 0x01) return fail(path);
  const reader = new Deserialiser(bytes, functions, headBytes);
  const records: Q[] = [];
  let sound = headBytes;
  while (!reader.isAtEnd && records.length < most) {
    try {
      records.push(reader.value());
    } catch {
      return { records, bytes: sound, isWhole: false };
    }
    sound = reader.at;
  }
  return { records, bytes: sound, isWhole: true };
}

function readOrFail(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    return osError(path, error);
  }
}

/** -11!file, -11!(-1;file), -11!(n;file): applies each record. -11!(-2;file): a count, or (count; sound bytes). */
export function streamingExecute(argument: Q, functions: Functions, apply: (record: Q) => void): Q {
  if (isAtom(argument)) return replay(pathOf(argument), Infinity, functions, apply);
  if (argument.kind !== 'list' || argument.v.length !== 2) return fail('type');
  const [which, file] = argument.v as readonly [Q, Q];
  if (!isAtom(which) || ![-5, -6, -7].includes(which.t)) return fail('type');
  const most = Number(which.v);
  if (most !== -2) return replay(pathOf(file), most < 0 ? Infinity : most, functions, apply);
  const { records, bytes, isWhole } = soundPart(pathOf(file), functions, Infinity);
  return isWhole ? long(records.length) : longs([records.length, bytes]);
}

function replay(path: string, most: number, functions: Functions, apply: (record: Q) => void): Q {
  const { records, isWhole } = soundPart(path, functions, most);
  for (const record of records) apply(record);
  return isWhole ? long(records.length) : fail('badtail');
}
