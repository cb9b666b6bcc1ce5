import { aggregateOps, isAggregateOp, needOf } from '../aggregates.ts';
import type { Aggregate, Bucket, Explanation, LatestSpec, QueryResult, QuerySpec } from '../engine.ts';
import { Dict, type QValue, Sym, Symbols } from '../qvalue.ts';
import { decodeFilter, encodeFilter } from './filter.ts';
import {
  boolean,
  type CallCodec,
  count,
  distinct,
  fault,
  GrammarFault,
  list,
  long,
  longs,
  only,
  symbol,
  symbols,
} from './grammar.ts';
import { decodePosition, encodePosition, withPosition } from './position.ts';
import { decodeCursor, decodeResult, encodeCursor, encodeResult } from './result.ts';

export const query: CallCodec<QuerySpec, QueryResult> = {
  name: '.tsg.query',
  encodeArguments: (spec) => [
    Dict.of({
      series: new Sym(spec.series),
      from: spec.fromNs,
      to: spec.toNs,
      where: spec.where && encodeFilter(spec.where),
      by: new Symbols(spec.by),
      bucket: encodeBucket(spec.bucket),
      select: spec.select.map(encodeAggregate),
      fields: new Symbols(spec.fields),
      order: new Sym(spec.order),
      limit: BigInt(spec.limit),
      cut: spec.cut,
      after: encodeCursor(spec.after),
      ...(spec.position && { position: encodePosition(spec.position) }),
    }),
  ],
  decodeArguments(given) {
    const { entry, position } = entries(only(given), 12);
    const where = entry('where');
    const order = symbol(entry('order'), 'order');
    if (order !== 'asc' && order !== 'desc') throw fault('order', 'asc or desc');
    const spec: QuerySpec = {
      series: symbol(entry('series'), 'series'),
      fromNs: long(entry('from'), 'from'),
      toNs: long(entry('to'), 'to'),
      where: where === null ? null : decodeFilter(where),
      by: distinct(symbols(entry('by'), 'by'), 'by'),
      bucket: decodeBucket(entry('bucket')),
      select: list(entry('select'), 'select').map(decodeAggregate),
      fields: distinct(symbols(entry('fields'), 'fields'), 'fields'),
      order,
      limit: count(entry('limit'), 'limit'),
      cut: boolean(entry('cut'), 'cut'),
      after: decodeCursor(entry('after')),
      ...(position !== undefined && { position: decodePosition(position) }),
    };
    distinct(
      spec.select.map((aggregate) => aggregate.as),
      'result names',
    );
    return spec;
  },
  encodeReply: encodeResult,
  decodeReply: decodeResult,
};

export const explain: CallCodec<QuerySpec, Explanation> = {
  name: '.tsg.explain',
  encodeArguments: query.encodeArguments,
  decodeArguments: query.decodeArguments,
  encodeReply: (e) => [e.rows, e.parts, e.bytesPerVolume, e.bytesCached, e.hotRows, e.lateRows, e.readNs, e.totalNs],
  decodeReply(reply) {
    const [rows, parts, bytesPerVolume, ...others] = list(reply, 'explanation', 8) as QValue[];
    const [bytesCached, hotRows, lateRows, readNs, totalNs] = others.map((value) => long(value, 'explanation'));
    return {
      rows: long(rows!, 'rows'),
      parts: long(parts!, 'parts'),
      bytesPerVolume: longs(bytesPerVolume!, 'bytes per volume'),
      bytesCached: bytesCached!,
      hotRows: hotRows!,
      lateRows: lateRows!,
      readNs: readNs!,
      totalNs: totalNs!,
    };
  },
};

export const latest: CallCodec<LatestSpec, QueryResult> = {
  name: '.tsg.latest',
  encodeArguments: ({ series, where, fields, position }) => [
    [new Sym(series), where && encodeFilter(where), new Symbols(fields)],
    ...(position ? [encodePosition(position)] : []),
  ],
  decodeArguments(given) {
    const { argument, ...seen } = withPosition(given);
    const [series, where, fields] = list(argument, 'latest', 3) as [QValue, QValue, QValue];
    return {
      ...seen,
      series: symbol(series, 'series'),
      where: where === null ? null : decodeFilter(where),
      fields: distinct(symbols(fields, 'fields'), 'fields'),
    };
  },
  encodeReply: encodeResult,
  decodeReply: decodeResult,
};

/** Reads a dictionary with exactly the given number of symbol keys, each of which is then asked for; a position may stand there too. */
function entries(value: QValue, size: number): { entry: (key: string) => QValue; position: QValue | undefined } {
  if (!(value instanceof Dict) || !(value.keys instanceof Symbols)) throw fault('the query', 'a dictionary');
  const keys = value.keys.names;
  const values = list(value.values, 'values of the query', keys.length);
  const byKey = new Map(keys.map((key, i) => [key, values[i]!]));
  const position = byKey.get('position');
  const wanted = position === undefined ? size : size + 1;
  if (byKey.size !== wanted || keys.length !== wanted) throw new GrammarFault(`the query does not have ${size} keys`);
  const entry = (key: string): QValue => {
    const found = byKey.get(key);
    if (found === undefined) throw new GrammarFault(`the query has no ${key}`);
    return found;
  };
  return { entry, position };
}

function encodeBucket(bucket: Bucket | null): QValue {
  if (bucket === null) return null;
  return bucket.kind === 'width'
    ? [new Sym('width'), bucket.widthNs, bucket.originNs]
    : [new Sym('edges'), bucket.edgesNs];
}

function decodeBucket(value: QValue): Bucket | null {
  if (value === null) return null;
  const items = list(value, 'bucket');
  const kind = symbol(items[0] ?? null, 'kind of bucket');
  if (kind === 'width') {
    const [, width, origin] = list(value, 'bucket', 3) as [QValue, QValue, QValue];
    const widthNs = long(width, 'width');
    if (widthNs <= 0n) throw fault('width', 'more than 0');
    return { kind, widthNs, originNs: long(origin, 'origin') };
  }
  if (kind !== 'edges') throw fault('kind of bucket', 'width or edges');
  const [, edges] = list(value, 'bucket', 2) as [QValue, QValue];
  const edgesNs = longs(edges, 'edges');
  if (edgesNs.length < 2) throw new GrammarFault('edges are fewer than 2');
  for (let i = 1; i < edgesNs.length; i++)
    if (edgesNs[i]! <= edgesNs[i - 1]!) throw new GrammarFault('edges do not ascend');
  return { kind, edgesNs };
}

function encodeAggregate({ op, field, as, p, weight }: Aggregate): QValue {
  const named = [new Sym(op), new Sym(field), new Sym(as)];
  if (p !== undefined) return [...named, p];
  return weight === undefined ? named : [...named, new Sym(weight)];
}

function decodeAggregate(value: QValue): Aggregate {
  const items = list(value, 'aggregate');
  const [op, field, as, more] = items as [QValue, QValue, QValue, QValue];
  if (items.length < 3) throw fault('aggregate', 'a list of at least 3');
  const operator = symbol(op, 'operator');
  if (!isAggregateOp(operator)) throw fault('operator', `one of ${aggregateOps.join(' ')}`);
  const need = needOf(operator);
  if (items.length !== (need ? 4 : 3)) throw new GrammarFault(`aggregate ${operator} does not have its operands`);
  const aggregate = { op: operator, field: symbol(field, 'field'), as: symbol(as, 'as') };
  if (need === 'weight') return { ...aggregate, weight: symbol(more, 'weight') };
  if (need === undefined) return aggregate;
  if (typeof more !== 'number') throw fault('p', 'a float');
  return { ...aggregate, p: more };
}
