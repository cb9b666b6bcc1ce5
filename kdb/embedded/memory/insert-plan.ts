// Checks a whole request against the staged catalogue and turns its values into columns, so that applying it cannot fail.
import { isUtf8 } from 'node:buffer';
import { maxStringBytes } from '../../../src/base/limits.ts';
import { maxTimeNs, minTimeNs } from '../../../src/base/time.ts';
import type { FieldColumn, FieldType, FieldValues, InsertBatch, InsertPart, Strings } from '../../../src/kdb/engine.ts';
import { EngineError } from '../../../src/kdb/engine-error.ts';
import type { Stage, StagedSeries } from './catalogue.ts';
import { type Column, nullBoolean, nullLong } from './columns.ts';
import { wordsOf } from './era.ts';

export interface PlannedColumn {
  readonly field: number;
  readonly type: FieldType;
  /** Per point. */
  readonly column: Column;
}

export interface PlannedPart {
  readonly series: string;
  /** Per distinct tag set of the request: its id. */
  readonly ids: Int32Array;
  readonly row: Int32Array;
  readonly timeNs: BigInt64Array;
  readonly columns: readonly PlannedColumn[];
}

export interface InsertPlan {
  readonly batchId: Uint8Array;
  readonly parts: readonly PlannedPart[];
  readonly rows: number;
}

export function planInsert(batch: InsertBatch, stage: Stage): InsertPlan {
  const parts = batch.parts.map((part) => planPart(part, stage));
  return { batchId: batch.batchId, parts, rows: parts.reduce((sum, part) => sum + part.row.length, 0) };
}

function planPart(part: InsertPart, stage: Stage): PlannedPart {
  const strict = stage.catalogue.schema === 'strict';
  const found = stage.find(part.series);
  if (!found && strict) throw new EngineError('SeriesNotDefined', part.series);
  const series = found ?? stage.create(part.series);

  const tags = part.tagNames.map((name) => {
    const number = series.tagNumbers.get(name);
    if (number !== undefined) return number;
    if (strict) throw new EngineError('TagNotDefined', series.name, name);
    return stage.addTag(series, name);
  });
  if (new Set(tags).size < tags.length) throw new EngineError('BadCall', `a tag of ${series.name} is given twice`);

  checkTimes(part.timeNs);
  const columns: PlannedColumn[] = [];
  for (const given of part.fields) {
    if (given.validity && !given.validity.includes(1)) continue;
    const column = planColumn(given, series, stage, strict);
    if (columns.some(({ field }) => field === column.field))
      throw new EngineError('BadCall', `field ${given.name} of ${series.name} is given twice`);
    columns.push(column);
  }

  const ids = stage.intern(series, tags, part.keys, part.keyCount);
  return { series: series.name, ids, row: part.row, timeNs: part.timeNs, columns };
}

function planColumn(given: FieldColumn, series: StagedSeries, stage: Stage, strict: boolean): PlannedColumn {
  const { name, validity, data } = given;
  const refuse = (reason: string): never => {
    throw new EngineError('InvalidValue', series.name, name, reason);
  };
  let field = series.fieldNumbers.get(name);
  if (field === undefined) {
    if (series.tagNumbers.has(name)) throw new EngineError('TagFieldClash', series.name, name);
    if (strict) throw new EngineError('FieldNotDefined', series.name, name);
    field = stage.addField(series, name, data.type === 'number' ? 'float' : data.type);
  }
  const type = series.fields[field]!.type;
  const clash = (shown: string): never => {
    throw new EngineError('FieldTypeClash', series.name, name, type, shown);
  };
  return { field, type, column: convert(type, data, validity, refuse, clash) };
}

type Refuse = (reason: string) => never;

function convert(
  type: FieldType,
  data: FieldValues,
  validity: Uint8Array | null,
  refuse: Refuse,
  clash: Refuse,
): Column {
  const given = data.type === 'number' ? 'float' : data.type;
  switch (type) {
    case 'float':
      if (data.type === 'float' || data.type === 'number') return floats(data.values, validity, refuse);
      return data.type === 'long'
        ? { kind: 'number', values: numbersOf(data.values, validity, refuse).values }
        : clash(given);
    case 'long':
      if (data.type === 'long') return longs(data.values, validity, refuse);
      return data.type === 'number' ? wholeNumbers(data.values, validity, refuse, clash) : clash(given);
    case 'boolean':
      return data.type === 'boolean' ? booleans(data.values, validity) : clash(given);
    case 'string':
      return data.type === 'string' ? texts(data.values, validity, refuse) : clash(given);
  }
}

function floats(values: Float64Array, validity: Uint8Array | null, refuse: Refuse): Column {
  if (validity === null) {
    for (let i = 0; i < values.length; i++) if (values[i]! - values[i]! !== 0) refuse(notFinite(values[i]!));
    return { kind: 'number', values };
  }
  const out = new Float64Array(values.length);
  for (let i = 0; i < values.length; i++) {
    if (validity[i] === 0) out[i] = Number.NaN;
    else if (values[i]! - values[i]! !== 0) refuse(notFinite(values[i]!));
    else out[i] = values[i]!;
  }
  return { kind: 'number', values: out };
}

function notFinite(value: number): string {
  return Number.isNaN(value) ? 'is NaN' : 'is infinite';
}

/** `number` values for a long field: JSON does not tell 1 from 1.0. */
function wholeNumbers(values: Float64Array, validity: Uint8Array | null, refuse: Refuse, clash: Refuse): Column {
  const out = new Float64Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (validity !== null && validity[i] === 0) out[i] = Number.NaN;
    else if (value - value !== 0) refuse(notFinite(value));
    else if (!Number.isInteger(value) || Math.abs(value) > 2 ** 53) clash('float');
    else out[i] = value + 0;
  }
  return { kind: 'number', values: out };
}

/** Int64 as doubles by their halves, without a BigInt each; `exact` while each is at most 2^53 in magnitude. */
function numbersOf(
  values: BigInt64Array,
  validity: Uint8Array | null,
  refuse: Refuse,
): { values: Float64Array; exact: boolean } {
  const words = wordsOf(values);
  const out = new Float64Array(values.length);
  let exact = true;
  for (let i = 0; i < out.length; i++) {
    if (validity !== null && validity[i] === 0) {
      out[i] = Number.NaN;
      continue;
    }
    const lower = words[2 * i]!;
    const upper = words[2 * i + 1]!;
    if (upper === -0x80000000 && lower === 0) refuse('is -2^63, which stands for null');
    if (upper >= 0x200000 || upper < -0x200000) exact = false;
    out[i] = upper * 0x100000000 + (lower >>> 0);
  }
  return { values: out, exact };
}

function longs(values: BigInt64Array, validity: Uint8Array | null, refuse: Refuse): Column {
  const numbers = numbersOf(values, validity, refuse);
  if (numbers.exact) return { kind: 'number', values: numbers.values };
  const bigs = values.slice();
  if (validity) for (let i = 0; i < bigs.length; i++) if (validity[i] === 0) bigs[i] = nullLong;
  return { kind: 'big', values: bigs };
}

function booleans(values: Uint8Array, validity: Uint8Array | null): Column {
  const out = new Uint8Array(values.length);
  for (let i = 0; i < out.length; i++)
    out[i] = validity !== null && validity[i] === 0 ? nullBoolean : values[i] === 0 ? 0 : 1;
  return { kind: 'boolean', values: out };
}

function texts(strings: Strings, validity: Uint8Array | null, refuse: Refuse): Column {
  const { lengths } = strings;
  const bytes = Buffer.from(strings.bytes.buffer, strings.bytes.byteOffset, strings.bytes.byteLength);
  if (!isUtf8(bytes)) refuse('is not valid UTF-8');
  const index = new Int32Array(lengths.length).fill(-1);
  const dictionary: string[] = [];
  const numbers = new Map<string, number>();
  let at = 0;
  for (let i = 0; i < lengths.length; i++) {
    const length = lengths[i]!;
    // A character that two texts share.
    if (length > 0 && (bytes[at]! & 0xc0) === 0x80) refuse('is not valid UTF-8');
    if (validity === null || validity[i] !== 0) {
      if (length > maxStringBytes) refuse(`is longer than ${maxStringBytes} bytes`);
      const text = bytes.toString('utf8', at, at + length);
      let number = numbers.get(text);
      if (number === undefined) {
        number = dictionary.push(text) - 1;
        numbers.set(text, number);
      }
      index[i] = number;
    }
    at += length;
  }
  return { kind: 'text', index, dictionary };
}

const minUpper = Number(minTimeNs >> 32n);
const minLower = Number(minTimeNs & 0xffffffffn);
const maxUpper = Number(maxTimeNs >> 32n);
const maxLower = Number(maxTimeNs & 0xffffffffn);

function checkTimes(timeNs: BigInt64Array): void {
  const words = wordsOf(timeNs);
  for (let i = 0; i < timeNs.length; i++) {
    const upper = words[2 * i + 1]!;
    if (upper > minUpper && upper < maxUpper) continue;
    const lower = words[2 * i]! >>> 0;
    if (
      upper < minUpper ||
      upper > maxUpper ||
      (upper === minUpper && lower < minLower) ||
      (upper === maxUpper && lower > maxLower)
    ) {
      throw new EngineError('TimeOutOfRange', String(timeNs[i]));
    }
  }
}
