import { fieldTypeLetters } from '../contract.ts';
import type {
  FieldType,
  Seen,
  SeriesDefinition,
  SeriesInfo,
  SeriesPage,
  SeriesPageSpec,
  Stats,
  TagValues,
} from '../engine.ts';
import { Chars, type QValue, Sym, Symbols } from '../qvalue.ts';
import {
  type CallCodec,
  chars,
  count,
  fault,
  GrammarFault,
  ints,
  list,
  long,
  longs,
  nothing,
  only,
  symbol,
  symbols,
} from './grammar.ts';
import { checkColumns } from './part.ts';
import { encodePosition, withPosition } from './position.ts';

/** A long that is not there: q's 0Nj. */
const nullLong = -(2n ** 63n);

const typeOfLetter: Readonly<Record<string, FieldType>> = { f: 'float', j: 'long', b: 'boolean', s: 'string' };

export const define: CallCodec<SeriesDefinition, SeriesInfo> = {
  name: '.tsg.define',
  encodeArguments(definition) {
    checkColumns(definition.series, definition.tags, definition.fields);
    return [encodeDefinition(definition)];
  },
  decodeArguments(given) {
    const definition = decodeDefinition(list(only(given), 'definition', 4));
    checkColumns(definition.series, definition.tags, definition.fields);
    return definition;
  },
  encodeReply: encodeInfo,
  decodeReply: decodeInfo,
};

export interface DropSpec {
  readonly series: string;
  readonly catalogueVersion: bigint | null;
}

export const drop: CallCodec<DropSpec, void> = {
  name: '.tsg.drop',
  encodeArguments: ({ series, catalogueVersion }) => [new Sym(series), catalogueVersion ?? nullLong],
  decodeArguments(given) {
    if (given.length !== 2) throw new GrammarFault(`${given.length} arguments instead of 2`);
    const [series, catalogueVersion] = given as [QValue, QValue];
    return {
      series: symbol(series, 'series'),
      catalogueVersion: longOrNull(long(catalogueVersion, 'catalogue version')),
    };
  },
  encodeReply: () => null,
  decodeReply: (reply) => void nothing(reply, 'reply'),
};

export const describe: CallCodec<string, SeriesInfo> = {
  name: '.tsg.describe',
  encodeArguments: (series) => [new Sym(series)],
  decodeArguments: (given) => symbol(only(given), 'series'),
  encodeReply: encodeInfo,
  decodeReply: decodeInfo,
};

export interface TagsSpec extends Seen {
  readonly series: string;
}

export const tags: CallCodec<TagsSpec, readonly TagValues[]> = {
  name: '.tsg.tags',
  encodeArguments: ({ series, position }) => [new Sym(series), ...(position ? [encodePosition(position)] : [])],
  decodeArguments(given) {
    const { argument, ...seen } = withPosition(given);
    return { series: symbol(argument, 'series'), ...seen };
  },
  encodeReply: (reply) => reply.map(({ tag, values, tagSets }) => [new Sym(tag), new Symbols(values), tagSets]),
  decodeReply: (reply) => list(reply, 'tags').map(decodeTagValues),
};

export const series: CallCodec<SeriesPageSpec, SeriesPage> = {
  name: '.tsg.series',
  encodeArguments: ({ after, limit, position }) => [
    [new Sym(after ?? ''), BigInt(limit)],
    ...(position ? [encodePosition(position)] : []),
  ],
  decodeArguments(given) {
    const { argument, ...seen } = withPosition(given);
    const [after, limit] = list(argument, 'page', 2) as [QValue, QValue];
    return { after: symbol(after, 'after') || null, limit: count(limit, 'limit'), ...seen };
  },
  encodeReply: (page) => [page.series.map(encodeInfo), new Sym(page.next ?? '')],
  decodeReply(reply) {
    const [found, next] = list(reply, 'page', 2) as [QValue, QValue];
    return { series: list(found, 'series').map(decodeInfo), next: symbol(next, 'next') || null };
  },
};

export const stats: CallCodec<void, Stats> = {
  name: '.tsg.stats',
  encodeArguments: () => [null],
  decodeArguments: (given) => void nothing(only(given), 'argument'),
  encodeReply: (reply) => [
    ...[reply.bytesPerVolume, reply.journalBytes, reply.hotRows, reply.lateRows, reply.parts],
    ...[reply.journalEnd?.generation ?? nullLong, reply.journalEnd?.offset ?? nullLong],
    reply.checkpointNs ?? nullLong,
  ],
  decodeReply(reply) {
    const told = list(reply, 'stats', 8) as QValue[];
    const [bytesPerVolume, journalBytes, hotRows, lateRows, parts, generation, offset, checkpointNs] = told;
    const end = { generation: long(generation!, 'generation'), offset: long(offset!, 'offset') };
    return {
      bytesPerVolume: longs(bytesPerVolume!, 'bytes per volume'),
      journalBytes: long(journalBytes!, 'journal bytes'),
      hotRows: long(hotRows!, 'hot rows'),
      lateRows: long(lateRows!, 'late rows'),
      parts: long(parts!, 'parts'),
      journalEnd: end.generation === nullLong ? null : end,
      checkpointNs: longOrNull(long(checkpointNs!, 'checkpoint')),
    };
  },
};

function encodeDefinition({ series, tags: tagNames, fields }: SeriesDefinition): QValue[] {
  return [
    new Sym(series),
    new Symbols(tagNames),
    new Symbols(fields.map((field) => field.name)),
    Chars.of(fields.map((field) => fieldTypeLetters[field.type]).join('')),
  ];
}

function decodeDefinition(given: readonly QValue[]): SeriesDefinition {
  const [series, tagNames, fields, types] = given as [QValue, QValue, QValue, QValue];
  const letters = chars(types, 'types').toString();
  const names = symbols(fields, 'fields');
  if (letters.length !== names.length) throw new GrammarFault('types are not as many as fields');
  return {
    series: symbol(series, 'series'),
    tags: symbols(tagNames, 'tags'),
    fields: names.map((name, i) => {
      const type = typeOfLetter[letters[i]!];
      if (type === undefined) throw fault(`type ${letters[i]}`, 'one of f j b s');
      return { name, type };
    }),
  };
}

function encodeInfo(info: SeriesInfo): QValue {
  return [...encodeDefinition(info), info.tagSets, info.firstNs ?? nullLong, info.lastNs ?? nullLong, info.rows];
}

function decodeInfo(reply: QValue): SeriesInfo {
  const items = list(reply, 'series', 8);
  const [tagSets, first, last, rows] = items.slice(4) as [QValue, QValue, QValue, QValue];
  return {
    ...decodeDefinition(items.slice(0, 4)),
    tagSets: long(tagSets, 'tag sets'),
    firstNs: longOrNull(long(first, 'first')),
    lastNs: longOrNull(long(last, 'last')),
    rows: long(rows, 'rows'),
  };
}

function longOrNull(value: bigint): bigint | null {
  return value === nullLong ? null : value;
}

function decodeTagValues(reply: QValue): TagValues {
  const [tag, values, tagSets] = list(reply, 'tag', 3) as [QValue, QValue, QValue];
  const decoded = { tag: symbol(tag, 'tag'), values: symbols(values, 'values'), tagSets: ints(tagSets, 'tag sets') };
  if (decoded.values.length !== decoded.tagSets.length) throw new GrammarFault('values and tag sets differ in length');
  return decoded;
}
