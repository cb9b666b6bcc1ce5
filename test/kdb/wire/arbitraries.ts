import fc from 'fast-check';
import { columnNameFault } from '../../../src/base/limits.ts';
import { aggregateOps, needOf } from '../../../src/kdb/aggregates.ts';
import type {
  Bucket,
  Column,
  Cursor,
  FieldColumn,
  FieldType,
  FieldValues,
  Filter,
  InsertBatch,
  InsertPart,
  InsertReceipt,
  QueryResult,
  QuerySpec,
  SeriesDefinition,
  SeriesInfo,
  Strings,
} from '../../../src/kdb/engine.ts';
import {
  Atom,
  Booleans,
  Chars,
  Dict,
  Guid,
  type QValue,
  Sym,
  Symbols,
  Table,
  Vector,
} from '../../../src/kdb/qvalue.ts';

// Random values of everything that crosses the wire.

/** fast-check's records have no prototype in half of the cases; what is decoded always has one. */
export function record<Value>(model: { [Key in keyof Value]: fc.Arbitrary<Value[Key]> }): fc.Arbitrary<Value> {
  return fc.record(model, { noNullPrototype: true }) as fc.Arbitrary<Value>;
}

export const long: fc.Arbitrary<bigint> = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
export const int: fc.Arbitrary<number> = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const bits: fc.Arbitrary<Uint8Array> = fc
  .array(fc.integer({ min: 0, max: 1 }))
  .map((values) => Uint8Array.from(values));
const bytes = fc.uint8Array({ maxLength: 40 });
const sixteen = fc.uint8Array({ minLength: 16, maxLength: 16 });

/** Any text that a symbol can carry: everything but NUL and lone surrogates. */
export const symbol: fc.Arbitrary<string> = fc.oneof(
  { weight: 3, arbitrary: fc.string({ unit: 'binary', maxLength: 12 }).map((text) => text.replaceAll('\0', '0')) },
  { weight: 1, arbitrary: fc.string({ minLength: 40, maxLength: 200 }) },
);

/** A series, tag or field name. */
export const name: fc.Arbitrary<string> = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 8 })
  .map((text) => text.replace(/[\u0000-\u001f\u007f]/g, '_'))
  .filter((text) => columnNameFault(text) === null);

const typed = <Values>(item: fc.Arbitrary<Values>, of: (items: Values[]) => QValue): fc.Arbitrary<QValue> =>
  fc.array(item, { maxLength: 20 }).map(of);

const leaf: fc.Arbitrary<QValue> = fc.oneof(
  fc.constant(null),
  fc.boolean(),
  long,
  fc.double(),
  symbol.map((text) => new Sym(text)),
  fc.array(symbol, { maxLength: 8 }).map((names) => new Symbols(names)),
  bytes.map((content) => new Chars(content)),
  bits.map((content) => new Booleans(content)),
  sixteen.map((content) => new Guid(content)),
  fc.integer({ min: 0, max: 255 }).chain((byte) => fc.constantFrom(-4, -10).map((type) => new Atom(type, byte))),
  fc.integer({ min: -32_768, max: 32_767 }).map((value) => new Atom(-5, value)),
  int.chain((value) => fc.constantFrom(-6, -13, -14, -17, -18, -19).map((type) => new Atom(type, value))),
  long.chain((value) => fc.constantFrom(-12, -16).map((type) => new Atom(type, value))),
  fc.float().map((value) => new Atom(-8, value)),
  fc.double().map((value) => new Atom(-15, value)),
  bytes,
  typed(fc.integer({ min: -32_768, max: 32_767 }), (items) => Int16Array.from(items)),
  typed(int, (items) => Int32Array.from(items)),
  typed(long, (items) => BigInt64Array.from(items)),
  typed(fc.float(), (items) => Float32Array.from(items)),
  typed(fc.double(), (items) => Float64Array.from(items)),
  typed(int, (items) => new Vector(14, Int32Array.from(items))),
  typed(long, (items) => new Vector(12, BigInt64Array.from(items))),
  typed(fc.double(), (items) => new Vector(15, Float64Array.from(items))),
  sixteen.map((content) => new Vector(2, content)),
);

export const qvalue: fc.Arbitrary<QValue> = fc.letrec<{ value: QValue; leaf: QValue }>((tie) => ({
  leaf,
  value: fc.oneof(
    { maxDepth: 4 },
    tie('leaf'),
    fc.array(tie('value'), { maxLength: 5 }),
    fc.tuple(tie('value'), tie('value')).map(([keys, values]) => new Dict(keys, values)),
    fc.array(fc.tuple(symbol, tie('value')), { maxLength: 4 }).map(
      (columns) =>
        new Table(
          columns.map(([column]) => column),
          columns.map(([, values]) => values),
        ),
    ),
  ),
})).value;

const stringsOf = (texts: readonly Uint8Array[]): Strings => ({
  lengths: Int32Array.from(texts, (text) => text.length),
  bytes: Uint8Array.from(texts.flatMap((text) => [...text])),
});

const exactly = <Item>(item: fc.Arbitrary<Item>, length: number): fc.Arbitrary<Item[]> =>
  fc.array(item, { minLength: length, maxLength: length });

const flags = (length: number): fc.Arbitrary<Uint8Array> =>
  exactly(fc.integer({ min: 0, max: 1 }), length).map((items) => Uint8Array.from(items));

const strings = (length: number): fc.Arbitrary<Strings> =>
  exactly(fc.uint8Array({ maxLength: 10 }), length).map(stringsOf);

function fieldValues(length: number): fc.Arbitrary<FieldValues> {
  const floats = exactly(fc.double(), length).map((items) => Float64Array.from(items));
  return fc.oneof(
    floats.map((values) => ({ type: 'float' as const, values })),
    floats.map((values) => ({ type: 'number' as const, values })),
    exactly(long, length).map((items) => ({ type: 'long' as const, values: BigInt64Array.from(items) })),
    flags(length).map((values) => ({ type: 'boolean' as const, values })),
    strings(length).map((values) => ({ type: 'string' as const, values })),
  );
}

const names = (minLength: number, maxLength: number): fc.Arbitrary<string[]> =>
  fc.uniqueArray(name, { minLength, maxLength });

export const part: fc.Arbitrary<InsertPart> = fc
  .tuple(names(1, 8), fc.nat({ max: 4 }), fc.integer({ min: 1, max: 30 }), fc.integer({ min: 1, max: 5 }), name)
  .chain(([columnNames, tagCount, points, sets, series]) => {
    const tagNames = columnNames.slice(0, Math.min(tagCount, columnNames.length - 1));
    const keyCount = tagNames.length === 0 ? 1 : sets;
    return record<InsertPart>({
      series: fc.constant(series),
      tagNames: fc.constant(tagNames),
      keys: exactly(
        exactly(
          symbol.map((text) => text.slice(0, 100).toWellFormed()),
          keyCount,
        ),
        tagNames.length,
      ),
      keyCount: fc.constant(keyCount),
      row: exactly(fc.nat({ max: keyCount - 1 }), points).map((items) => Int32Array.from(items)),
      timeNs: exactly(long, points).map((items) => BigInt64Array.from(items)),
      fields: fc.tuple(
        ...columnNames.slice(tagNames.length).map((column) =>
          record<FieldColumn>({
            name: fc.constant(column),
            validity: fc.option(flags(points)),
            data: fieldValues(points),
          }),
        ),
      ),
    });
  });

export const batch: fc.Arbitrary<InsertBatch> = record({
  batchId: sixteen,
  parts: fc.array(part, { minLength: 1, maxLength: 3 }),
});

export const receipt: fc.Arbitrary<InsertReceipt> = record({
  rows: long,
  late: long,
  catalogueVersion: long,
  generation: long,
  offset: long,
});

export const filter: fc.Arbitrary<Filter> = fc.letrec<{ filter: Filter }>((tie) => ({
  filter: fc.oneof(
    { maxDepth: 6 },
    record({ op: fc.constant('in' as const), tag: symbol, values: fc.array(symbol, { maxLength: 5 }) }),
    record({ op: fc.constant('null' as const), field: symbol }),
    record({
      op: fc.constantFrom('eq' as const, 'ne' as const, 'lt' as const, 'le' as const, 'gt' as const, 'ge' as const),
      field: symbol,
      value: fc.oneof(fc.double(), long, fc.boolean(), fc.string({ unit: 'binary' })),
    }),
    record({ op: fc.constantFrom('and' as const, 'or' as const), of: fc.array(tie('filter'), { maxLength: 3 }) }),
    record({ op: fc.constant('not' as const), of: tie('filter') }),
  ),
})).filter;

const bucket: fc.Arbitrary<Bucket> = fc.oneof(
  record({ kind: fc.constant('width' as const), widthNs: long.filter((width) => width > 0n), originNs: long }),
  fc.uniqueArray(long, { minLength: 2, maxLength: 10 }).map((edges) => ({
    kind: 'edges' as const,
    edgesNs: BigInt64Array.from(edges).sort(),
  })),
);

export const cursor: fc.Arbitrary<Cursor> = record({ timeNs: long, id: fc.nat() });

export const querySpec: fc.Arbitrary<QuerySpec> = record({
  series: symbol,
  fromNs: long,
  toNs: long,
  where: fc.option(filter),
  by: names(0, 4),
  bucket: fc.option(bucket),
  select: names(0, 4).chain((aliases) =>
    fc.tuple(
      ...aliases.map((as) =>
        fc.oneof(
          record({
            op: fc.constantFrom(...aggregateOps.filter((op) => needOf(op) === undefined)),
            field: symbol,
            as: fc.constant(as),
          }),
          record({
            op: fc.constant('percentile' as const),
            field: symbol,
            as: fc.constant(as),
            p: fc.double({ min: 0, max: 100, noNaN: true }),
          }),
          record({ op: fc.constant('wavg' as const), field: symbol, as: fc.constant(as), weight: symbol }),
        ),
      ),
    ),
  ),
  fields: names(0, 4),
  order: fc.constantFrom('asc', 'desc'),
  limit: fc.maxSafeNat(),
  cut: fc.boolean(),
  after: fc.option(cursor),
});

function column(rows: number): fc.Arbitrary<Column> {
  const longs = exactly(long, rows).map((items) => BigInt64Array.from(items));
  return fc.oneof(
    record({ kind: fc.constantFrom('time' as const, 'long' as const), name: symbol, values: longs }),
    record({
      kind: fc.constant('float' as const),
      name: symbol,
      values: exactly(fc.double(), rows).map((items) => Float64Array.from(items)),
    }),
    record({
      kind: fc.constant('boolean' as const),
      name: symbol,
      values: exactly(fc.nat({ max: 2 }), rows).map((items) => Uint8Array.from(items)),
    }),
    record({
      kind: fc.constant('string' as const),
      name: symbol,
      validity: fc.option(flags(rows)),
      values: strings(rows),
    }),
    fc.array(symbol, { minLength: 1, maxLength: 5 }).chain((dictionary) =>
      record({
        kind: fc.constant('tag' as const),
        name: symbol,
        dictionary: fc.constant(dictionary),
        index: exactly(fc.nat({ max: dictionary.length - 1 }), rows).map((items) => Int32Array.from(items)),
      }),
    ),
  );
}

export const result: fc.Arbitrary<QueryResult> = fc.nat({ max: 20 }).chain((rows) =>
  record({
    columns: fc.array(column(rows), { maxLength: 5 }),
    rows: fc.constant(rows),
    next: fc.option(cursor),
  }),
);

const fieldType = fc.constantFrom<FieldType>('float', 'long', 'boolean', 'string');

export const definition: fc.Arbitrary<SeriesDefinition> = fc
  .tuple(name, names(0, 8), fc.nat({ max: 4 }), fc.array(fieldType, { minLength: 8, maxLength: 8 }))
  .map(([series, columnNames, tags, types]) => ({
    series,
    tags: columnNames.slice(0, tags),
    fields: columnNames.slice(tags).map((field, i) => ({ name: field, type: types[i]! })),
  }));

const timeOrNull = fc.option(long.filter((value) => value !== -(2n ** 63n)));

export const info: fc.Arbitrary<SeriesInfo> = fc
  .tuple(definition, record({ tagSets: long, firstNs: timeOrNull, lastNs: timeOrNull, rows: long }))
  .map(([defined, counted]) => ({ ...defined, ...counted }));
