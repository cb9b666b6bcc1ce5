// What the change feed carries: one event per change of a record, and heartbeats between them.

import { randomUUID } from 'node:crypto';
import type { RecordKind } from './record-kinds.ts';

/** One change of one record. `record` is null when it was removed. */
export interface Change {
  readonly kind: RecordKind;
  /** Of the caches. */
  readonly key: string;
  readonly version: number;
  readonly record: object | null;
}

export interface ChangeEvent {
  readonly id: string;
  readonly kind: RecordKind;
  readonly key: string;
  readonly version: number;
  /** Left out when it is too large to be sent: caches keep the version and whoever reads next fetches the record. */
  readonly record?: object | null;
  /** ISO time by the writer's clock. */
  readonly at: string;
}

export interface HeartbeatEvent {
  readonly kind: 'heartbeat';
  readonly sequence: number;
}

export type FeedEvent = ChangeEvent | HeartbeatEvent;

/** SNS takes 256 KiB per message, and per batch. */
const maxEventBytes = 200_000;

export function eventOf(change: Change, nowMs: number): ChangeEvent {
  const { kind, key, version, record } = change;
  const head = { id: randomUUID(), kind, key, version, at: new Date(nowMs).toISOString() };
  const whole = { ...head, record };
  return Buffer.byteLength(encodeEvent(whole)) <= maxEventBytes ? whole : head;
}

/** JSON without the two characters that SQS refuses. */
export function encodeEvent(event: FeedEvent): string {
  return JSON.stringify(event).replace(/[\ufffe\uffff]/g, (char) => `\\u${char.charCodeAt(0).toString(16)}`);
}
