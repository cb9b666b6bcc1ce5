import type { AsofSpec, QueryResult } from '../engine.ts';
import { type QValue, Sym, Symbols } from '../qvalue.ts';
import { decodeFilter, encodeFilter } from './filter.ts';
import { type CallCodec, count, distinct, fault, list, long, symbol, symbols } from './grammar.ts';
import { encodePosition, withPosition } from './position.ts';
import { decodeCursor, decodeResult, encodeCursor, encodeResult } from './result.ts';

/** Any age: q's 0Nj. */
const anyAge = -(2n ** 63n);

export const asof: CallCodec<AsofSpec, QueryResult> = {
  name: '.tsg.asof',
  encodeArguments: ({ other, position, ...spec }) => [
    [
      new Sym(spec.series),
      spec.fromNs,
      spec.toNs,
      spec.where && encodeFilter(spec.where),
      new Symbols(spec.fields),
      new Symbols(spec.by),
      new Sym(other.series),
      other.where && encodeFilter(other.where),
      new Symbols(other.fields),
      spec.toleranceNs ?? anyAge,
      new Sym(spec.order),
      BigInt(spec.limit),
      encodeCursor(spec.after),
    ],
    ...(position ? [encodePosition(position)] : []),
  ],
  decodeArguments(given) {
    const { argument, ...seen } = withPosition(given);
    const items = list(argument, 'as-of join', 13) as QValue[];
    const [series, from, to, where, fields, by, other, otherWhere, otherFields, age, direction, limit, after] = items;
    const order = symbol(direction!, 'order');
    if (order !== 'asc' && order !== 'desc') throw fault('order', 'asc or desc');
    const toleranceNs = long(age!, 'tolerance');
    if (toleranceNs < 0n && toleranceNs !== anyAge) throw fault('tolerance', '0 or more');
    return {
      ...seen,
      series: symbol(series!, 'series'),
      fromNs: long(from!, 'from'),
      toNs: long(to!, 'to'),
      where: where! === null ? null : decodeFilter(where!),
      fields: distinct(symbols(fields!, 'fields'), 'fields'),
      by: distinct(symbols(by!, 'by'), 'by'),
      other: {
        series: symbol(other!, 'other series'),
        where: otherWhere! === null ? null : decodeFilter(otherWhere!),
        fields: distinct(symbols(otherFields!, 'fields'), 'fields of the other series'),
      },
      toleranceNs: toleranceNs === anyAge ? null : toleranceNs,
      order,
      limit: count(limit!, 'limit'),
      after: decodeCursor(after!),
    };
  },
  encodeReply: encodeResult,
  decodeReply: decodeResult,
};
