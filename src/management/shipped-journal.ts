// Where the files of a database's journal are in the object store: its agent puts them there, a restore to a moment takes them.

import type { JournalPlace } from './records.ts';

/** What stands beside a file, as JSON, once the file is there. */
export interface ShippedFile {
  readonly bytes: number;
  readonly sha256: string;
}

/** Of all incarnations. */
export function journalPrefix(databaseId: string): string {
  return `journal/${databaseId}/`;
}

/** Keys are in the order of the files. */
export function incarnationPrefix(databaseId: string, incarnation: string): string {
  return `${journalPrefix(databaseId)}${incarnation}/`;
}

export function shippedKey(databaseId: string, { incarnation, generation }: JournalPlace): string {
  return `${incarnationPrefix(databaseId, incarnation)}${String(generation).padStart(10, '0')}.log`;
}

export function shippedChecksumKey(databaseId: string, { incarnation, generation }: JournalPlace): string {
  return `${incarnationPrefix(databaseId, incarnation)}${String(generation).padStart(10, '0')}.json`;
}

/** Null: the key is no file of a journal. */
export function generationOfKey(key: string): number | null {
  const generation = /\/(\d{10})\.log$/.exec(key)?.[1];
  return generation === undefined ? null : Number(generation);
}
