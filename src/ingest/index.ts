// Bodies of data writes by content type, or by the name of the format.

import { apiError } from '../base/errors.ts';
import type { Batch, DecodeOptions } from './batch.ts';
import { decodeCollectd } from './collectd.ts';
import { decodeCsv } from './csv.ts';
import { decodeJson } from './json.ts';
import { decodeLineProtocol } from './line-protocol.ts';
import { decodeNdjson } from './ndjson.ts';

export type { Batch, DecodeOptions, Precision } from './batch.ts';

/** Reads a whole body. Throws an ApiError for a body that has no points to name (InvalidJson, InvalidRequest, InvalidPoints). */
export type Decoder = (body: Buffer, options: DecodeOptions) => Batch;

const decoders: Readonly<Record<string, Decoder>> = {
  'text/plain': decodeLineProtocol,
  // What `curl -d` says when nobody tells it otherwise.
  'application/x-www-form-urlencoded': decodeLineProtocol,
  'application/json': decodeJson,
  'application/x-ndjson': decodeNdjson,
  'text/csv': decodeCsv,
};

/** Those whose media type is another format's too: named by a parameter. */
const namedDecoders = { collectd: decodeCollectd } as const;
export type FormatName = keyof typeof namedDecoders;
export const formatNames = Object.keys(namedDecoders) as FormatName[];

/** The decoder of a Content-Type header, line protocol when there is none; of `format`, where it is named. */
export function decoderFor(contentType: string | undefined, format?: FormatName): Decoder {
  if (format !== undefined) return namedDecoders[format];
  const type = (contentType ?? '').split(';')[0]!.trim().toLowerCase() || 'text/plain';
  if (Object.hasOwn(decoders, type)) return decoders[type]!;
  throw apiError('UnsupportedMediaType', {
    type,
    accepted: 'text/plain (line protocol), application/json, application/x-ndjson or text/csv',
  });
}
