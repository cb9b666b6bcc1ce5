// What the values of a column mean: times become nanoseconds, decimals floats, UUIDs text.
// https://github.com/apache/parquet-format/blob/master/LogicalTypes.md

import type { SchemaElement } from 'hyparquet';
import { parseDecimal, parseFloat16 } from 'hyparquet/src/convert.js';
import { type Cells, type CellValues, cellStates } from '../../../src/ingest/cells.ts';
import { shown } from '../../../src/ingest/fault-list.ts';
import { Damaged } from './damaged.ts';
import type { Spans, Values } from './window.ts';

const dayNs = 86_400_000_000_000n;
/** 1970-01-01 as a Julian day. */
const julianEpoch = 2_440_588n;
const units = { MILLIS: 1_000_000n, MICROS: 1_000n, NANOS: 1n } as const;

/** Nanoseconds in the unit of a column of times; null: it is none. */
export function timeUnitOf({ type, converted_type, logical_type }: SchemaElement): bigint | null {
  if (logical_type?.type === 'TIMESTAMP') return units[logical_type.unit];
  if (converted_type === 'TIMESTAMP_MILLIS') return units.MILLIS;
  if (converted_type === 'TIMESTAMP_MICROS') return units.MICROS;
  if (converted_type === 'DATE' || logical_type?.type === 'DATE') return dayNs;
  return type === 'INT96' ? 1n : null;
}

export function cellsOf(element: SchemaElement, values: Values, given: Uint8Array | null): Cells {
  const { type, converted_type, logical_type, scale = 0, name } = element;
  const unitNs = timeUnitOf(element);
  if (unitNs !== null) return timesOf(element, values, given, unitNs);
  if (converted_type === 'DECIMAL' || logical_type?.type === 'DECIMAL') {
    const factor = 10 ** -scale;
    if (type === 'INT32') return floats(values.ints, given, (i) => values.ints[i]! * factor);
    if (type === 'INT64') return floats(values.longs, given, (i) => Number(values.longs[i]!) * factor);
    return floats(values.spans.start, given, (i) => parseDecimal(spanOf(values.spans, i)) * factor);
  }
  const unsigned = converted_type?.startsWith('UINT_') || (logical_type?.type === 'INTEGER' && !logical_type.isSigned);
  switch (type) {
    case 'INT32':
      return floats(values.ints, given, unsigned ? (i) => values.ints[i]! >>> 0 : (i) => values.ints[i]!);
    case 'INT64': {
      const { longs } = values;
      const states = unsigned ? statesOf(longs.length, given, (i) => longs[i]! < 0n) : given;
      return { kind: 'long', values: longs, isTime: false, states };
    }
    case 'FLOAT':
    case 'DOUBLE':
      return { kind: 'float', values: values.floats, states: given };
    case 'BOOLEAN':
      return { kind: 'boolean', values: values.flags, states: given };
    case 'BYTE_ARRAY':
      if (converted_type === 'BSON' || logical_type?.type === 'BSON') break;
      return { kind: 'text', ...values.spans, states: given };
    case 'FIXED_LEN_BYTE_ARRAY':
      if (logical_type?.type === 'FLOAT16')
        return floats(values.spans.start, given, (i) => parseFloat16(spanOf(values.spans, i))!);
      if (logical_type?.type === 'UUID') return { kind: 'text', ...uuidsOf(values.spans, given), states: given };
  }
  const what = logical_type?.type ?? converted_type ?? type;
  throw new Damaged(
    `column ${shown(name)} has values of the type ${what}, which are not imported: leave it out by types`,
  );
}

function timesOf(
  { type }: SchemaElement,
  { ints, longs, spans }: Values,
  given: Uint8Array | null,
  unitNs: bigint,
): Cells {
  if (type === 'INT64' && unitNs === 1n) return { kind: 'long', values: longs, isTime: true, states: given };
  const count = type === 'INT64' ? longs.length : type === 'INT32' ? ints.length : spans.start.length;
  const timeOf = (i: number): bigint => {
    if (type === 'INT64') return longs[i]! * unitNs;
    if (type === 'INT32') return BigInt(ints[i]!) * unitNs;
    const bytes = spanOf(spans, i);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return (BigInt(view.getInt32(8, true)) - julianEpoch) * dayNs + view.getBigInt64(0, true);
  };
  const times = new BigInt64Array(count);
  const states = statesOf(count, given, (i) => {
    const time = timeOf(i);
    times[i] = time;
    return time !== times[i];
  });
  return { kind: 'long', values: times, isTime: true, states };
}

/** By row; `isOutside` is asked of values alone. */
function statesOf(count: number, given: Uint8Array | null, isOutside: (i: number) => boolean): Uint8Array {
  const states = new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    if (given !== null && given[i] === 0) continue;
    states[i] = isOutside(i) ? cellStates.outside : cellStates.given;
  }
  return states;
}

function floats({ length }: { length: number }, given: Uint8Array | null, numberOf: (i: number) => number): Cells {
  const values = new Float64Array(length);
  for (let i = 0; i < length; i++) if (given === null || given[i] === 1) values[i] = numberOf(i);
  return { kind: 'float', values, states: given };
}

function spanOf({ sources, source, start, end }: Spans, i: number): Uint8Array {
  return sources[source[i]!]!.subarray(start[i]!, end[i]!);
}

const uuidLength = 36;

function uuidsOf(spans: Spans, given: Uint8Array | null): Omit<CellValues & { kind: 'text' }, 'kind'> {
  const count = spans.start.length;
  const text = Buffer.alloc(count * uuidLength);
  const start = Int32Array.from({ length: count }, (_, i) => i * uuidLength);
  for (let i = 0; i < count; i++) {
    if (given !== null && given[i] === 0) continue;
    const hex = Buffer.from(spanOf(spans, i)).toString('hex');
    text.write(hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'), start[i]!, 'latin1');
  }
  return { sources: [text], source: new Int32Array(count), start, end: start.map((at) => at + uuidLength) };
}
