// The manifest names every live part, the state file and where the journal begins. Replacing it is how all of them change at once.
import { crc32 } from 'node:zlib';
import type { Recovery } from '../../../src/management/host-agent.ts';
import { type FileLayer, writeDurably } from './files.ts';
import type { PartEntry } from './part.ts';

export const manifestName = 'manifest.json';

const format = 3;
/** Its parts have one day each. */
const formatOfDays = 2;

export interface Manifest {
  readonly format: typeof format;
  /** Volumes when the database was made: tag sets are dealt to this many slices for ever. */
  readonly slices: number;
  /** The first journal file whose records are not in parts. */
  readonly journal: number;
  /** Up to when points that arrived are in parts, in milliseconds since 1970. */
  readonly savedMs: number;
  /** What of a backup's journal these parts were brought forward with. */
  readonly recovered: Recovery | null;
  readonly nextPart: number;
  readonly state: { readonly name: string; readonly bytes: number; readonly crc: number } | null;
  readonly parts: readonly PartEntry[];
}

/** Null when there is none: a new database. */
export async function readManifest(files: FileLayer, directory: string): Promise<Manifest | null> {
  const path = `${directory}/${manifestName}`;
  if (!(await files.list(directory)).includes(manifestName)) return null;
  const text = (await files.read(path)).toString('utf8');
  const [sum, body] = [text.slice(0, 8), text.slice(9)];
  if (checksum(body) !== sum) throw new Error(`${path} is damaged: restore it, or restore the database from a backup`);
  const manifest = JSON.parse(body) as Omit<Manifest, 'format'> & { readonly format: number };
  if (manifest.format === formatOfDays)
    return { ...manifest, format, parts: manifest.parts.map((part) => ({ ...part, days: 1 })) };
  if (manifest.format !== format)
    throw new Error(
      `${path} has format ${manifest.format} instead of ${format}: another version of the engine wrote it; start that one`,
    );
  return { ...manifest, format };
}

export function newManifest(slices: number): Manifest {
  return { format, slices, journal: 1, savedMs: 0, recovered: null, nextPart: 1, state: null, parts: [] };
}

export async function writeManifest(files: FileLayer, directory: string, manifest: Manifest): Promise<void> {
  await writeDurably(files, directory, manifestName, [manifestBytes(manifest)]);
}

export function manifestBytes(manifest: Manifest): Buffer {
  const body = JSON.stringify(manifest);
  return Buffer.from(`${checksum(body)}\n${body}`, 'utf8');
}

function checksum(body: string): string {
  return crc32(body).toString(16).padStart(8, '0');
}
