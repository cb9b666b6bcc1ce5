import type { BackupFile, Compaction, DeleteSpec, Hello, TailResult, TailSpec } from '../engine.ts';
import { Chars, type QValue, Sym } from '../qvalue.ts';
import { decodeFilter, encodeFilter } from './filter.ts';
import { boolean, type CallCodec, chars, count, fault, list, long, nothing, only, symbol } from './grammar.ts';
import { decodePart, encodePart } from './part.ts';

export const hello: CallCodec<void, Hello> = {
  name: '.tsg.hello',
  encodeArguments: () => [null],
  decodeArguments: (given) => void nothing(only(given), 'argument'),
  encodeReply: ({ contract, engine, schema, catalogueVersion, maxTagSets }) => [
    BigInt(contract),
    new Sym(engine),
    new Sym(schema),
    catalogueVersion,
    maxTagSets,
  ],
  decodeReply(reply) {
    const [contract, engine, schema, catalogueVersion, maxTagSets] = list(reply, 'hello', 5) as QValue[];
    const mode = symbol(schema!, 'schema');
    if (mode !== 'flexible' && mode !== 'strict') throw fault('schema', 'flexible or strict');
    return {
      contract: count(contract!, 'contract'),
      engine: symbol(engine!, 'engine'),
      schema: mode,
      catalogueVersion: long(catalogueVersion!, 'catalogue version'),
      maxTagSets: long(maxTagSets!, 'tag sets'),
    };
  },
};

/** `delete` is a word of the language. */
export const deletion: CallCodec<DeleteSpec, bigint> = {
  name: '.tsg.delete',
  encodeArguments: ({ series, fromNs, toNs, where, dryRun }) => [
    [new Sym(series), fromNs, toNs, where && encodeFilter(where), dryRun],
  ],
  decodeArguments(given) {
    const [series, from, to, where, dryRun] = list(only(given), 'deletion', 5) as QValue[];
    return {
      series: symbol(series!, 'series'),
      fromNs: long(from!, 'from'),
      toNs: long(to!, 'to'),
      where: where! === null ? null : decodeFilter(where!),
      dryRun: boolean(dryRun!, 'dry run'),
    };
  },
  encodeReply: (points) => points,
  decodeReply: (reply) => long(reply, 'points'),
};

export const retain: CallCodec<bigint, bigint> = {
  name: '.tsg.retain',
  encodeArguments: (beforeNs) => [beforeNs],
  decodeArguments: (given) => long(only(given), 'before'),
  encodeReply: (points) => points,
  decodeReply: (reply) => long(reply, 'points'),
};

export const compact: CallCodec<void, Compaction> = {
  name: '.tsg.compact',
  encodeArguments: () => [null],
  decodeArguments: (given) => void nothing(only(given), 'argument'),
  encodeReply: ({ parts, into, bytesBefore, bytesAfter, left }) => [parts, into, bytesBefore, bytesAfter, left],
  decodeReply(reply) {
    const [parts, into, before, after, left] = list(reply, 'compaction', 5) as QValue[];
    return {
      parts: long(parts!, 'parts'),
      into: long(into!, 'into'),
      bytesBefore: long(before!, 'bytes before'),
      bytesAfter: long(after!, 'bytes after'),
      left: long(left!, 'left'),
    };
  },
};

export const checkpoint: CallCodec<void, void> = {
  name: '.tsg.checkpoint',
  encodeArguments: () => [null],
  decodeArguments: (given) => void nothing(only(given), 'argument'),
  encodeReply: () => null,
  decodeReply: (reply) => void nothing(reply, 'reply'),
};

export const backup: CallCodec<string, readonly BackupFile[]> = {
  name: '.tsg.backup',
  encodeArguments: (name) => [new Sym(name)],
  decodeArguments: (given) => symbol(only(given), 'name'),
  encodeReply: (files) =>
    files.map(({ volume, path, bytes, sha256 }) => [BigInt(volume), Chars.of(path), bytes, Chars.of(sha256)]),
  decodeReply: (reply) =>
    list(reply, 'files').map((file) => {
      const [volume, path, bytes, sha256] = list(file, 'file', 4) as [QValue, QValue, QValue, QValue];
      return {
        volume: count(volume, 'volume'),
        path: chars(path, 'path').toString(),
        bytes: long(bytes, 'bytes'),
        sha256: chars(sha256, 'sha256').toString(),
      };
    }),
};

export const tail: CallCodec<TailSpec, TailResult> = {
  name: '.tsg.tail',
  encodeArguments: ({ series, generation, offset, maxRows }) => [
    [new Sym(series), generation, offset, BigInt(maxRows)],
  ],
  decodeArguments(given) {
    const [series, generation, offset, maxRows] = list(only(given), 'tail', 4) as [QValue, QValue, QValue, QValue];
    return {
      series: symbol(series, 'series'),
      generation: long(generation, 'generation'),
      offset: long(offset, 'offset'),
      maxRows: count(maxRows, 'rows'),
    };
  },
  encodeReply: ({ points, generation, offset }) => [points.map(encodePart), generation, offset],
  decodeReply(reply) {
    const [points, generation, offset] = list(reply, 'tail', 3) as [QValue, QValue, QValue];
    return {
      points: list(points, 'points').map(decodePart),
      generation: long(generation, 'generation'),
      offset: long(offset, 'offset'),
    };
  },
};
