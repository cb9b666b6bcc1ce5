// Figures as an object: gzip of a line of JSON per series and day.

import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { createGunzip, createGzip } from 'node:zlib';
import type { ObjectStore } from '../../src/base/object-store.ts';
import { BackupDamaged, type ManifestObject } from '../../src/management/backup-manifest.ts';
import type { DayFigures } from './figures.ts';
import { holds, uploadContents } from './transfer.ts';

export async function storeFigures(
  store: ObjectStore,
  key: string,
  figures: AsyncIterable<DayFigures>,
  signal: AbortSignal,
): Promise<ManifestObject> {
  const lines = Readable.from(linesOf(figures));
  const packed = createGzip();
  lines.once('error', (error) => packed.destroy(error)).pipe(packed);
  try {
    const { sha256 } = await uploadContents(store, key, packed, { signal });
    return { object: key, sha256 };
  } finally {
    lines.destroy();
  }
}

async function* linesOf(figures: AsyncIterable<DayFigures>): AsyncGenerator<string> {
  for await (const day of figures) yield `${JSON.stringify(day)}\n`;
}

export async function* readFigures(
  store: ObjectStore,
  { object, sha256 }: ManifestObject,
  signal: AbortSignal,
): AsyncGenerator<DayFigures> {
  if (!(await holds(store, object, sha256, signal))) throw new BackupDamaged(`the object ${object} is damaged`);
  const packed = await store.get(object);
  const text = createGunzip();
  packed.once('error', (error) => text.destroy(error)).pipe(text);
  try {
    for await (const line of createInterface({ input: text })) yield JSON.parse(line) as DayFigures;
  } finally {
    packed.destroy();
  }
}
