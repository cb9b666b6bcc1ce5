// Download addresses of a store that has none of its own: a path of the region's API, signed with a secret of the region.

import { createHmac, timingSafeEqual } from 'node:crypto';
import type { LinkOptions } from '../object-store.ts';

interface LinkParts {
  /** Of the region's API. */
  readonly endpoint: string;
  readonly secret: string;
  readonly nowMs: () => number;
}

export function signedLinks({ endpoint, secret, nowMs }: LinkParts): (key: string, options: LinkOptions) => string {
  return (key, { fileName, expiresS }) => {
    const expires = String(Math.floor(nowMs() / 1000) + expiresS);
    const signature = signatureOf(secret, key, fileName, expires);
    return `${endpoint}/v1/objects/${key}?${new URLSearchParams({ name: fileName, expires, signature })}`;
  };
}

export interface SignedLink {
  readonly key: string;
  readonly name: string;
  /** Seconds since 1970. */
  readonly expires: string;
  readonly signature: string;
}

export function isSigned({ key, name, expires, signature }: SignedLink, secret: string): boolean {
  const expected = Buffer.from(signatureOf(secret, key, name, expires));
  const given = Buffer.from(signature);
  return given.length === expected.length && timingSafeEqual(given, expected);
}

function signatureOf(secret: string, ...parts: readonly string[]): string {
  return createHmac('sha256', secret).update(JSON.stringify(parts)).digest('base64url');
}

/** The value of Content-Disposition. */
export function attachment(fileName: string): string {
  return `attachment; filename="${fileName.replace(/[^\w.=-]/g, '_')}"`;
}
