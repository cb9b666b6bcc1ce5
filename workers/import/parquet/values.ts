// The values of one page, by encoding: each gives the next so many of them, and makes nothing before it is asked.

import type { SchemaElement } from 'hyparquet';
import { shown } from '../../../src/ingest/fault-list.ts';
import { Damaged } from './damaged.ts';
import { Deltas } from './delta.ts';
import { Runs } from './runs.ts';
import { type Physical, type Spans, sourceOf, type Values, valuesFor } from './window.ts';

export interface Decoder {
  /** The next values, into places from `at` on. */
  read(out: Values, at: number, count: number): void;
}

/** The values that pages refer to by number. */
export interface Dictionary {
  readonly size: number;
  readonly values: Values;
}

/** A longer value is no value of a field; of texts that grow from row to row it bounds what one page can become. */
const maxGrownBytes = 1024 * 1024;
const maxGrownWindowBytes = 64 * 1024 * 1024;

const widths: Partial<Record<string, number>> = { INT32: 4, INT64: 8, FLOAT: 4, DOUBLE: 8, INT96: 12 };

export function physicalOf({ type, name }: SchemaElement): Physical {
  switch (type) {
    case 'INT32':
      return 'ints';
    case 'INT64':
      return 'longs';
    case 'FLOAT':
    case 'DOUBLE':
      return 'floats';
    case 'BOOLEAN':
      return 'flags';
    case 'BYTE_ARRAY':
    case 'FIXED_LEN_BYTE_ARRAY':
    case 'INT96':
      return 'spans';
    default:
      throw new Damaged(`column ${shown(name)} has the unknown type ${type}`);
  }
}

/** `start`: where levels end. `count`: of the values that are not null, at most. */
export function decoderOf(
  element: SchemaElement,
  encoding: string,
  bytes: Uint8Array,
  start: number,
  count: number,
  dictionary: Dictionary | null,
): Decoder {
  const { type } = element;
  switch (encoding) {
    case 'PLAIN':
      return plainOf(element, bytes, start);
    case 'PLAIN_DICTIONARY':
    case 'RLE_DICTIONARY':
      if (dictionary === null) throw new Damaged('a page refers to a dictionary that is not there');
      // A page of nulls alone may end here.
      return indexed(physicalOf(element), new Runs(bytes, start + 1, bytes.length, bytes[start] ?? 0), dictionary);
    case 'RLE': {
      if (type !== 'BOOLEAN') break;
      const runs = new Runs(bytes, start + 4, bytes.length, 1);
      return { read: ({ flags }, at, rows) => runs.fill(flags, at, rows) };
    }
    case 'DELTA_BINARY_PACKED':
      if (type !== 'INT32' && type !== 'INT64') break;
      return differences(type, new Deltas(bytes, start, count));
    case 'DELTA_LENGTH_BYTE_ARRAY':
      return deltaLengths(bytes, start, count);
    case 'DELTA_BYTE_ARRAY':
      return grownTexts(bytes, start, count);
    case 'BYTE_STREAM_SPLIT':
      return split(element, bytes, start);
  }
  throw new Damaged(`pages of ${type} encoded as ${encoding} are not read`);
}

export function dictionaryOf(element: SchemaElement, bytes: Uint8Array, size: number): Dictionary {
  const least = element.type === 'BYTE_ARRAY' ? 4 : widthOf(element);
  if (size < 0 || size * least > bytes.length) throw new Damaged(`a dictionary claims ${size} values and has fewer`);
  const values = valuesFor(physicalOf(element), size);
  plainOf(element, bytes, 0).read(values, 0, size);
  return { size, values };
}

function widthOf({ type, type_length, name }: SchemaElement): number {
  if (type === 'BOOLEAN') return 1 / 8;
  const width = type === 'FIXED_LEN_BYTE_ARRAY' ? type_length : widths[`${type}`];
  if (width === undefined || !(width > 0)) throw new Damaged(`column ${shown(name)} has values of no length`);
  return width;
}

function plainOf(element: SchemaElement, bytes: Uint8Array, start: number): Decoder {
  const { type } = element;
  if (type === 'BYTE_ARRAY') return plainTexts(bytes, start);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const width = widthOf(element);
  let value = 0;
  const from = (count: number): number => {
    const at = value;
    value += count;
    if (start + value * width > bytes.length) throw new Damaged('a page has fewer values than it says');
    return start + at * width;
  };
  const copy = (target: Int32Array | BigInt64Array | Float64Array, at: number, count: number): void => {
    const first = from(count);
    new Uint8Array(target.buffer, target.byteOffset + at * width, count * width).set(
      bytes.subarray(first, first + count * width),
    );
  };
  switch (type) {
    case 'INT32':
      return { read: ({ ints }, at, count) => copy(ints, at, count) };
    case 'INT64':
      return { read: ({ longs }, at, count) => copy(longs, at, count) };
    case 'DOUBLE':
      return { read: ({ floats }, at, count) => copy(floats, at, count) };
    case 'FLOAT':
      return {
        read({ floats }, at, count) {
          const first = from(count);
          for (let i = 0; i < count; i++) floats[at + i] = view.getFloat32(first + 4 * i, true);
        },
      };
    case 'BOOLEAN':
      return {
        read({ flags }, at, count) {
          const first = value;
          from(count);
          for (let i = 0; i < count; i++) flags[at + i] = (bytes[start + ((first + i) >> 3)]! >> ((first + i) & 7)) & 1;
        },
      };
    default:
      return {
        read({ spans }, at, count) {
          const first = from(count);
          for (let i = 0; i < count; i++) put(spans, at + i, bytes, first + i * width, first + (i + 1) * width);
        },
      };
  }
}

function plainTexts(bytes: Uint8Array, start: number): Decoder {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let next = start;
  return {
    read({ spans }, at, count) {
      for (let i = at; i < at + count; i++) {
        if (next + 4 > bytes.length) throw new Damaged('a page has fewer values than it says');
        const first = next + 4;
        next = first + view.getUint32(next, true);
        put(spans, i, bytes, first, next);
      }
    },
  };
}

function indexed(physical: Physical, runs: Runs, { size, values }: Dictionary): Decoder {
  let indexes = new Int32Array(0);
  return {
    read(out, at, count) {
      if (indexes.length < count) indexes = new Int32Array(count);
      runs.fill(indexes, 0, count);
      for (let i = 0; i < count; i++) {
        if (indexes[i]! >= size || indexes[i]! < 0)
          throw new Damaged('a page refers to what its dictionary does not have');
      }
      if (physical !== 'spans') {
        const from = values[physical];
        const to = out[physical];
        for (let i = 0; i < count; i++) to[at + i] = from[indexes[i]!]!;
        return;
      }
      const { spans } = values;
      // All of a dictionary is in one page.
      const source = sourceOf(out.spans, spans.sources[0] ?? new Uint8Array(0));
      for (let i = 0; i < count; i++) {
        out.spans.source[at + i] = source;
        out.spans.start[at + i] = spans.start[indexes[i]!]!;
        out.spans.end[at + i] = spans.end[indexes[i]!]!;
      }
    },
  };
}

function differences(type: 'INT32' | 'INT64', deltas: Deltas): Decoder {
  return {
    read({ ints, longs }, at, count) {
      for (let i = at; i < at + count; i++) {
        if (type === 'INT32') ints[i] = Number(BigInt.asIntN(32, deltas.next()));
        else longs[i] = deltas.next();
      }
    },
  };
}

function deltaLengths(bytes: Uint8Array, start: number, count: number): Decoder {
  let next = new Deltas(bytes, start, count).end();
  const lengths = new Deltas(bytes, start, count);
  return {
    read({ spans }, at, rows) {
      for (let i = at; i < at + rows; i++) {
        const first = next;
        next += Number(lengths.next());
        put(spans, i, bytes, first, next);
      }
    },
  };
}

/** Each begins with so many bytes of the one before. */
function grownTexts(bytes: Uint8Array, start: number, count: number): Decoder {
  const suffixesStart = new Deltas(bytes, start, count).end();
  let next = new Deltas(bytes, suffixesStart, count).end();
  const prefixes = new Deltas(bytes, start, count);
  const suffixes = new Deltas(bytes, suffixesStart, count);
  let before: Uint8Array = new Uint8Array(0);
  return {
    read({ spans }, at, rows) {
      let grown = 0;
      for (let i = at; i < at + rows; i++) {
        const prefix = Number(prefixes.next());
        const suffix = Number(suffixes.next());
        const end = next + suffix;
        grown += prefix + suffix;
        if (prefix < 0 || prefix > before.length || suffix < 0 || end > bytes.length)
          throw new Damaged('a page has fewer values than it says');
        if (prefix + suffix > maxGrownBytes || grown > maxGrownWindowBytes)
          throw new Damaged('its texts become too long when they are put together');
        const text = new Uint8Array(prefix + suffix);
        text.set(before.subarray(0, prefix));
        text.set(bytes.subarray(next, end), prefix);
        next = end;
        before = text;
        spans.source[i] = spans.sources.push(text) - 1;
        spans.start[i] = 0;
        spans.end[i] = text.length;
      }
    },
  };
}

function split(element: SchemaElement, bytes: Uint8Array, start: number): Decoder {
  const width = widthOf(element);
  const perStream = Math.floor((bytes.length - start) / width);
  const joined = new Uint8Array(perStream * width);
  for (let byte = 0; byte < width; byte++)
    for (let i = 0; i < perStream; i++) joined[i * width + byte] = bytes[start + byte * perStream + i]!;
  return plainOf(element, joined, 0);
}

function put(spans: Spans, at: number, bytes: Uint8Array, start: number, end: number): void {
  if (end < start || end > bytes.length) throw new Damaged('a page has fewer values than it says');
  spans.source[at] = sourceOf(spans, bytes);
  spans.start[at] = start;
  spans.end[at] = end;
}
