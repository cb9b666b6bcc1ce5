import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { continueTrace } from '../base/trace.ts';

/** What a request is found by: in its reply, in the log, and, its trace, in whatever it sets off. */
export interface RequestIds {
  readonly requestId: string;
  readonly traceparent: string;
}

const prefix = randomBytes(6).toString('hex');
let count = 0;

/** Request ids are unique over processes and restarts, cheap to make, and in order within a process. */
export function nextRequestIds({ headers }: Pick<IncomingMessage, 'headers'>): RequestIds {
  count += 1;
  const { traceparent } = headers;
  return {
    requestId: `${prefix}-${count.toString(36)}`,
    // Node joins a header that is sent twice, which makes it invalid.
    traceparent: continueTrace(traceparent === undefined ? undefined : `${traceparent}`),
  };
}

export function idHeaders({ requestId, traceparent }: RequestIds): { 'X-Request-Id': string; traceparent: string } {
  return { 'X-Request-Id': requestId, traceparent };
}
