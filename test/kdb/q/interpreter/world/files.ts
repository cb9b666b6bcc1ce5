// Files as q lays them out, as far as anything reads their bytes: a vector is fe 20, type, attribute, count and its items, anything else is ff 01
// and what a message would hold. A list of texts is two files, as q's is; how they are divided is this interpreter's own. So is a compressed file:
// a line of what -21! says, then the plain file as one gzip stream.

import {
  closeSync,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import {
  type Attribute,
  dict,
  empty,
  fail,
  int,
  isText,
  list,
  long,
  type Q,
  Signal,
  symbol,
  symbols,
  type Table,
  table,
  textOf,
  vector,
} from '../values.ts';
import { cellsOf, Deserialiser, type Functions } from './deserialise.ts';
import { attributes, itemBytes, serialise, widths } from './serialise.ts';

const vectorHead = 16;
const objectHead = Buffer.from([0xff, 0x01]);
const textsHead = Buffer.from([0xfd, 0x20, 77, 0]);
const itemsHead = Buffer.from([0xfd, 0x20, 77, 1]);
const zipped = 'kxzipped';

/** An error of the operating system as q says it [basics/errors#file]. */
export function osError(path: string, error: unknown): never {
  const { code, message } = error as NodeJS.ErrnoException;
  const reason = /^\w+: (.)([^,]*)/.exec(message);
  const said = code === undefined || !reason ? message : `${reason[1]!.toUpperCase()}${reason[2]}`;
  return fail(`${path}. OS reports: ${said}`);
}
function attempt<T>(path: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    if (error instanceof Signal || error instanceof RangeError) throw error;
    return osError(path, error);
  }
}

// ---- writing ----

/** Under a name of its own first: q replaces a file that may be mapped. */
function put(path: string, bytes: Uint8Array): void {
  attempt(path, () => {
    mkdirSync(dirname(path), { recursive: true });
    const file = openSync(`${path}$`, 'w', 0o644);
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
    } finally {
      closeSync(file);
    }
    renameSync(`${path}$`, path);
  });
}

export function writeValue(path: string, content: Q, compression: readonly number[] | undefined): void {
  if (path.endsWith('/')) splay(path.slice(0, -1), content, compression);
  else if (content.kind === 'list' && !content.v.every(isText)) writeItems(path, content, compression);
  else if (isTexts(content)) writeTexts(path, content.v.map(textOf), compression);
  else put(path, packed(plainFile(content), compression));
}

function plainFile(content: Q): Buffer {
  if (content.kind !== 'vector' || content.t === 11) return Buffer.concat([objectHead, serialise(content)]);
  const head = Buffer.alloc(vectorHead);
  head.set([0xfe, 0x20, content.t, attributes.indexOf(content.a)]);
  head.writeBigInt64LE(BigInt(content.v.length), 8);
  return Buffer.concat([head, itemBytes(content)]);
}

function packed(bytes: Buffer, compression: readonly number[] | undefined): Buffer {
  if (!compression || compression[1] === 0) return bytes;
  const [block, algorithm, level] = compression as [number, number, number];
  if (block < 12 || block > 20) return fail('disk compression - bad logicalBlockSize');
  if (algorithm !== 2) return fail('nyi a compression other than gzip');
  const line = `${zipped} ${bytes.length} ${algorithm} ${block} ${level}\n`;
  return Buffer.concat([Buffer.from(line), gzipSync(bytes, { level })]);
}

const isTexts = (x: Q): x is Extract<Q, { kind: 'list' }> => x.kind === 'list' && x.v.length > 0 && x.v.every(isText);

function writeTexts(path: string, texts: readonly string[], compression: readonly number[] | undefined): void {
  const ends = new BigInt64Array(texts.length);
  let end = 0;
  for (const [i, text] of texts.entries()) {
    end += text.length;
    ends[i] = BigInt(end);
  }
  put(`${path}#`, packed(Buffer.from(texts.join(''), 'latin1'), compression));
  const head = Buffer.alloc(vectorHead);
  head.set(textsHead);
  head.writeBigInt64LE(BigInt(texts.length), 8);
  put(path, packed(Buffer.concat([head, new Uint8Array(ends.buffer)]), compression));
}

/** [releases/ChangesIn3.6#anymap] What the items are stands in `path#`; q's third file, of symbols, is not made. */
function writeItems(path: string, content: Q, compression: readonly number[] | undefined): void {
  put(`${path}#`, packed(Buffer.concat([objectHead, serialise(content)]), compression));
  put(path, packed(itemsHead, compression));
}

/** A directory with a file per column. Symbols would have to be enumerated first. */
function splay(path: string, content: Q, compression: readonly number[] | undefined): void {
  if (content.kind !== 'table') throw new Signal('type');
  attempt(path, () => mkdirSync(path, { recursive: true }));
  for (const [i, name] of content.names.entries()) {
    const column = content.columns[i]!;
    if (column.kind === 'vector' && column.t === 11) fail('type');
    if (column.kind === 'list' && column.v.length > 0 && !isTexts(column)) fail('type');
    writeValue(join(path, name), column, compression);
  }
  writeValue(join(path, '.d'), symbols(content.names), undefined);
}

// ---- reading ----

function unpacked(path: string): Buffer {
  const bytes = attempt(path, () => readFileSync(path));
  if (bytes.toString('latin1', 0, zipped.length) !== zipped) return bytes;
  return attempt(path, () => gunzipSync(bytes.subarray(bytes.indexOf(10) + 1)));
}

export function readValue(path: string, functions: Functions): Q {
  const isDirectory = attempt(path, () => statSync(path)).isDirectory();
  if (isDirectory) return readSplayed(path.replace(/\/$/, ''), functions);
  const bytes = unpacked(path);
  if (bytes.length === 0) return fail(path);
  if (bytes[0] === 0xff && bytes[1] === 0x01) return readObjects(bytes, functions);
  if (bytes.subarray(0, textsHead.length).equals(textsHead)) return readTexts(path, bytes);
  if (bytes.equals(itemsHead)) return readObjects(unpacked(`${path}#`), functions);
  const t = bytes[2]!;
  const width = widths[t];
  if (bytes[0] !== 0xfe || bytes[1] !== 0x20 || width === undefined) return fail('type');
  const count = Number(bytes.readBigInt64LE(8));
  if (bytes.length < vectorHead + count * width) return fail('trunc');
  const items = bytes.subarray(vectorHead, vectorHead + count * width);
  return vector(t, cellsOf(t, items), (attributes[bytes[3]!] ?? '') as Attribute);
}

/** One object; or a journal: an empty list and, behind it, its records. */
function readObjects(bytes: Buffer, functions: Functions): Q {
  const reader = new Deserialiser(bytes, functions, objectHead.length);
  const first = reader.value();
  if (reader.isAtEnd) return first;
  const records: Q[] = [];
  while (!reader.isAtEnd) records.push(reader.value());
  return list(records);
}

function readTexts(path: string, bytes: Buffer): Q {
  const all = unpacked(`${path}#`).toString('latin1');
  const texts: Q[] = [];
  for (let i = 0, start = 0; i < Number(bytes.readBigInt64LE(8)); i++) {
    const end = Number(bytes.readBigInt64LE(vectorHead + 8 * i));
    texts.push(vector(10, new Uint8Array(Buffer.from(all.slice(start, end), 'latin1'))));
    start = end;
  }
  return list(texts);
}

function readSplayed(path: string, functions: Functions): Table {
  const names = readValue(join(path, '.d'), functions);
  if (names.kind !== 'vector' || names.t !== 11) return fail('type');
  const columns = (names.v as string[]).map((name) => readValue(join(path, name), functions));
  return table(names.v as string[], columns);
}

// ---- what is there ----

/** [ref/key] A directory's entries, sorted; a file's own handle; () of nothing. */
export function keyOf(path: string): Q {
  if (!existsSync(path)) return empty;
  if (!statSync(path).isDirectory()) return symbol(`:${path}`);
  const names = readdirSync(path).map((name) => Buffer.from(name).toString('latin1'));
  return symbols(names.sort());
}

/** [ref/hcount] Of a compressed file, what it was before. */
export function fileLength(path: string): Q {
  return long(attempt(path, () => zipFacts(path)?.uncompressed ?? statSync(path).size));
}

function zipFacts(path: string): { uncompressed: number; facts: readonly number[] } | undefined {
  const file = openSync(path, 'r');
  try {
    const head = readFileHead(file);
    const found = /^kxzipped (\d+) (\d+) (\d+) (\d+)\n/.exec(head);
    return found ? { uncompressed: Number(found[1]), facts: found.slice(2, 5).map(Number) } : undefined;
  } finally {
    closeSync(file);
  }
}
function readFileHead(file: number): string {
  const { size } = fstatSync(file);
  return size === 0 ? '' : readFileSync(file).toString('latin1', 0, 80);
}

/** -21! [basics/internal]: nothing of a file that is not compressed. */
export function compressionFacts(path: string): Q {
  const found = attempt(path, () => zipFacts(path));
  if (!found) return dict(symbols([]), empty);
  const [algorithm, block, level] = found.facts as [number, number, number];
  const lengths = [long(statSync(path).size), long(found.uncompressed)];
  return dict(
    symbols(['compressedLength', 'uncompressedLength', 'algorithm', 'logicalBlockSize', 'zipLevel']),
    list([...lengths, int(algorithm), int(block), int(level)]),
  );
}

/** [ref/hdel] A file or an empty directory. */
export function removeFile(path: string): void {
  attempt(path, () => (statSync(path).isDirectory() ? rmdirSync(path) : unlinkSync(path)));
}

/** [ref/read0] */
export function lines(path: string): Q {
  const bytes = attempt(path, () => readFileSync(path)).toString('latin1');
  const found = bytes.split('\n');
  if (found.at(-1) === '') found.pop();
  return list(found.map((line) => vector(10, new Uint8Array(Buffer.from(line.replace(/\r$/, ''), 'latin1')))));
}

export const bytesOf = (path: string): Q => vector(4, new Uint8Array(attempt(path, () => readFileSync(path))));

export const pathOf = (x: Q): string => {
  if (x.kind !== 'atom' || x.t !== -11) return fail('type');
  const name = x.v as string;
  return name.startsWith(':') ? Buffer.from(name.slice(1), 'latin1').toString('utf8') : fail('type');
};
