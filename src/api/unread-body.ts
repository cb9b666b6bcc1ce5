// A reply to a request whose body has not been read: the headers were enough to refuse it, and the body, which may be long, is left where
// it is. The connection cannot be used for another request then.

import type { IncomingMessage, ServerResponse } from 'node:http';

/** So much is cheaper to read than a new connection is to make. */
const cheapBytes = 65_536;
/** A connection that is closed while bytes come in is reset, and the client may never see the reply. It gets so long to read it and to close. */
const lingerMs = 2_000;

export function hasUnreadBody({ complete, headers }: IncomingMessage): boolean {
  if (complete) return false;
  // The client waits for a 100, or does not: what it sends next may be the body or another request.
  if (headers.expect !== undefined) return true;
  if (headers['transfer-encoding'] !== undefined) return true;
  return Number(headers['content-length'] ?? 0) > cheapBytes;
}

export function sendBeforeBody(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, {
    'Content-Type': 'application/json',
    'Content-Length': String(Buffer.byteLength(text)),
    Connection: 'close',
  });
  response.write(text);
  // At its end Node would read the body and throw it away; until then it takes what fits the request's buffer.
  const late = setTimeout(() => response.end(), lingerMs);
  response.once('close', () => clearTimeout(late));
}
