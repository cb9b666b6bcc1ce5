// W3C trace context [w3.org/TR/trace-context]: what one request set off, over its task and the calls that a worker makes for it, has one trace id.

import { AsyncLocalStorage } from 'node:async_hooks';
import { randomFillSync } from 'node:crypto';

interface Trace {
  readonly traceparent: string;
  /** Stands in every line of the log. */
  readonly line: Readonly<Record<string, string>>;
}

const current = new AsyncLocalStorage<Trace>();

/** Version ff is none, neither id may be zero, and only a version that is still to come has more behind. */
const form = /^(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})(-.*)?$/;

/** The next part of the trace that the caller names; the first of a new one when what it gives is not valid. */
export function continueTrace(given: string | undefined): string {
  if (given === undefined) return newTrace();
  const [, version, traceId, flags, more] = form.exec(given) ?? [];
  if (version === undefined || (version === '00' && more !== undefined)) return newTrace();
  // Of the flags only `sampled` is ours to pass on.
  return `00-${traceId}-${randomHex(8)}-0${Number.parseInt(flags!, 16) & 1}`;
}

function newTrace(): string {
  const ids = randomHex(24);
  return `00-${ids.slice(0, 32)}-${ids.slice(32)}-01`;
}

/** Whatever `run` calls, also later, belongs to the trace; `line` stands in what it logs, beside the trace's id. */
export function inTrace<T>(traceparent: string, line: Readonly<Record<string, string>>, run: () => T): T {
  return current.run({ traceparent, line: { traceId: traceparent.slice(3, 35), ...line } }, run);
}

export function currentTraceparent(): string | undefined {
  return current.getStore()?.traceparent;
}

/** Undefined outside of any trace. */
export function currentLine(): Readonly<Record<string, string>> | undefined {
  return current.getStore()?.line;
}

/** randomBytes takes 1 µs and more, however few they are. */
const pool = Buffer.alloc(4_096);
let used = pool.length;

function randomHex(bytes: number): string {
  if (used + bytes > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += bytes;
  return pool.toString('hex', used - bytes, used);
}
