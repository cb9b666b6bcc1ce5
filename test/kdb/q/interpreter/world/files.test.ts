// Files and journals of the interpreter.
import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, rmSync, statSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { dict, empty, list, long, longs, type Q, symbol, symbols, table, utf8, vector } from '../values.ts';
import type { Functions } from './deserialise.ts';
import { compressionFacts, fileLength, keyOf, lines, readValue, removeFile, writeValue } from './files.ts';
import { Handles } from './handles.ts';
import { streamingExecute } from './journal.ts';

const folder = mkdtempSync(join(tmpdir(), 'q-files-'));
after(() => rmSync(folder, { recursive: true }));
const at = (name: string): string => join(folder, name);
const functions: Functions = { primitive: (_, name) => symbol(name), lambda: (_, source) => utf8(source) };

const values: Record<string, Q> = {
  longs: longs([10, 20, 30]),
  parted: vector(6, Int32Array.of(1, 1, 2), 'p'),
  symbols: symbols(['a', '']),
  texts: list([utf8(''), utf8(' x'), utf8('yy')]),
  general: list([long(1), dict(symbols(['a']), list([table(['b'], [longs([1])])]))]),
};
for (const [name, value] of Object.entries(values)) {
  for (const compression of [undefined, [17, 2, 6]]) {
    test(`set and get ${name}${compression ? ', compressed' : ''}`, () => {
      writeValue(at(name), value, compression);
      assert.deepEqual(readValue(at(name), functions), value);
    });
  }
}

test('hcount is the length before compression, -21! says both', () => {
  const many = vector(7, new BigInt64Array(10_000));
  writeValue(at('plain'), many, undefined);
  writeValue(at('zipped'), many, [17, 2, 6]);
  assert.deepEqual(fileLength(at('plain')), long(80_016));
  assert.deepEqual(fileLength(at('zipped')), long(80_016));
  assert.equal((compressionFacts(at('plain')) as { k: { v: unknown[] } }).k.v.length, 0);
  const facts = compressionFacts(at('zipped')) as unknown as { v: { v: Q[] } };
  assert.deepEqual(facts.v.v[0], long(statSync(at('zipped')).size));
});

test('a splayed table is a file per column; symbols are not enumerated', () => {
  writeValue(at('t/'), table(['a', 'b'], [longs([1, 2]), list([utf8('x'), utf8('')])]), [17, 2, 6]);
  assert.deepEqual((keyOf(at('t')) as { v: unknown }).v, ['.d', 'a', 'b', 'b#']);
  assert.deepEqual(readValue(at('t'), functions), table(['a', 'b'], [longs([1, 2]), list([utf8('x'), utf8('')])]));
  assert.throws(() => writeValue(at('u/'), table(['s'], [symbols(['x'])]), undefined), /type/);
});

test('key of nothing, of a file, of a directory', () => {
  assert.equal(keyOf(at('nowhere')), empty);
  writeValue(at('d/file'), long(1), undefined);
  assert.deepEqual(keyOf(at('d/file')), symbol(`:${at('d/file')}`));
  removeFile(at('d/file'));
  assert.deepEqual(keyOf(at('d')), symbols([]));
});

test('errors name the file and what the system said', () => {
  assert.throws(() => readValue(at('nowhere'), functions), /nowhere\. OS reports: No such file or directory/);
  assert.throws(() => lines(at('nowhere')), /No such file or directory/);
});

test('a journal: records appended, replayed, a torn tail found', () => {
  const path = at('journal');
  writeValue(path, empty, undefined);
  const handles = new Handles(() => empty);
  const handle = handles.openFile(path);
  const record = (n: number): Q => list([symbol('f'), long(n)]);
  handles.send(handle, list([record(1)]));
  handles.send(handle, list([record(2)]));
  const sound = statSync(path).size;
  const replay = (argument: Q): Q[] => {
    const seen: Q[] = [];
    streamingExecute(argument, functions, (x) => seen.push(x));
    return seen;
  };
  const file = symbol(`:${path}`);
  const chunks = (): Q => streamingExecute(list([long(-2), file]), functions, () => {});
  assert.deepEqual(replay(file), [record(1), record(2)]);
  assert.deepEqual(replay(list([long(1), file])), [record(1)]);
  assert.deepEqual(chunks(), long(2));
  assert.deepEqual(readValue(path, functions), list([record(1), record(2)]));
  handles.send(handle, list([record(3)]));
  truncateSync(path, sound + 5);
  assert.deepEqual(chunks(), longs([2, sound]));
  assert.throws(() => replay(file), /badtail/);
  truncateSync(path, sound);
  handles.send(handle, list([record(4)]));
  assert.deepEqual(replay(file), [record(1), record(2), record(4)]);
  handles.close(handle);
  assert.throws(() => handles.send(handle, list([record(5)])), /Bad file descriptor/);
  appendFileSync(path, 'x');
  assert.equal((chunks() as { kind: string }).kind, 'vector');
});
