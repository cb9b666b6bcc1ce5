// Where something is in the journal of a q database: files journal-<generation>, which rotate over its volumes (kdb/q/journal.q).

import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

export interface JournalPosition {
  readonly generation: number;
  readonly offset: number;
}

/** Bytes of the journal behind a position; files that are gone by now are in parts and do not count. */
export async function bytesBehind(
  volumes: readonly string[],
  { generation, offset }: JournalPosition,
): Promise<number> {
  const found = await Promise.all(volumes.map((volume) => laterFiles(volume, generation)));
  return found.flat().reduce((sum, each) => sum + each.bytes - (each.generation === generation ? offset : 0), 0);
}

async function laterFiles(volume: string, from: number): Promise<{ generation: number; bytes: number }[]> {
  const numbers = (await readdir(volume)).flatMap((name) => /^journal-(\d+)$/.exec(name)?.[1] ?? []).map(Number);
  const files = numbers
    .filter((generation) => generation >= from)
    .map(async (generation) => {
      const size = await stat(join(volume, `journal-${generation}`)).then(
        (file) => file.size,
        () => undefined,
      );
      return size === undefined ? [] : [{ generation, bytes: size }];
    });
  return (await Promise.all(files)).flat();
}
