import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** What a folder takes on disk, as du counts: blocks, so that a preallocated file counts whole and a sparse one does not. */
export function diskBytes(folder: string): number {
  let bytes = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue;
    try {
      bytes += lstatSync(join(entry.parentPath, entry.name)).blocks * 512;
    } catch (error) {
      // Merged away between the listing and the look.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  return bytes;
}
