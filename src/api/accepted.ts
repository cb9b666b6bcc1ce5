// Which of what there is a request accepts: formats by Accept, compression by Accept-Encoding (RFC 9110).

import type { Request } from 'restify';
import type { Format } from '../query/request.ts';

export const mediaTypes: Readonly<Record<Format, string>> = {
  json: 'application/json',
  ndjson: 'application/x-ndjson',
  csv: 'text/csv; charset=utf-8',
};

const formatsOf: Readonly<Record<string, Format>> = {
  'application/json': 'json',
  'application/x-ndjson': 'ndjson',
  'application/ndjson': 'ndjson',
  'text/csv': 'csv',
};

/** JSON, unless another format is named and not less wanted. */
export function acceptedFormat({ headers: { accept } }: Pick<Request, 'headers'>): Format {
  if (accept === undefined || accept === '*/*') return 'json';
  const known = weights(accept).filter(([name]) => Object.hasOwn(formatsOf, name));
  const [best] = known.sort(([, a], [, b]) => b - a);
  return best && best[1] > 0 ? formatsOf[best[0]]! : 'json';
}

export type Compression = 'zstd' | 'gzip';

export function acceptedCompression({ headers }: Pick<Request, 'headers'>): Compression | null {
  const accepted = headers['accept-encoding'];
  if (accepted === undefined) return null;
  const known = weights(String(accepted)).filter(
    ([name, weight]) => weight > 0 && (name === 'zstd' || name === 'gzip'),
  );
  const [best] = known.sort(([a, left], [b, right]) => right - left || (a < b ? 1 : -1));
  return best ? (best[0] as Compression) : null;
}

/** Names in lower case, with their q. */
function weights(header: string): [string, number][] {
  return header.split(',').map((part) => {
    const [name, ...parameters] = part.split(';').map((text) => text.trim().toLowerCase());
    const weight = parameters.map((text) => /^q=([\d.]+)$/.exec(text)?.[1]).find((q) => q !== undefined);
    return [name!, weight === undefined ? 1 : Number(weight)];
  });
}
