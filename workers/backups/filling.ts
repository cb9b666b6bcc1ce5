// The files of a backup on their way into a new database: each is checked here as it passes, and by the agent before it has its name.

import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { json } from 'node:stream/consumers';
import { ObjectNotFound, type ObjectStore } from '../../src/base/object-store.ts';
import { BackupDamaged, type BackupManifest } from '../../src/management/backup-manifest.ts';
import type { Database, Endpoint } from '../../src/management/records.ts';
import { type ShippedFile, shippedChecksumKey } from '../../src/management/shipped-journal.ts';
import { VolumeFull } from '../agent-client.ts';
import { Permanent, SliceOver, type TaskRun } from '../kinds/kind.ts';
import { shippedJournals } from './journals.ts';
import { hashed, inLanes } from './transfer.ts';

const lanes = 2;
const saveEveryMs = 1_000;

export interface FillCheckpoint {
  /** So many files are in place, on this host. */
  readonly done: number;
  readonly hostId: string;
}

interface Piece {
  readonly volume: number;
  readonly name: string;
  readonly bytes: number;
  readonly object: string;
  readonly sha256: string;
}

export interface FillOptions {
  readonly run: TaskRun<unknown, FillCheckpoint>;
  readonly database: Database;
  readonly agent: Endpoint;
  readonly manifest: BackupManifest;
  /** Of the region where the backup was made. */
  readonly source: ObjectStore;
  /** The journal too, as far as this; null: what the backup has. */
  readonly untilMs: number | null;
}

/** Safe to repeat: what is in place is replaced by the same. */
export async function fillDatabase(options: FillOptions): Promise<void> {
  const { run, database, agent, source } = options;
  const { agents } = run.services;
  const pieces = await piecesOf(options);
  const hostId = database.hostId!;
  const from = run.checkpoint?.hostId === hostId ? run.checkpoint.done : 0;
  const total = pieces.reduce((sum, { bytes }) => sum + bytes, 0);
  let doneBytes = pieces.slice(0, from).reduce((sum, { bytes }) => sum + bytes, 0);
  let savedMs = Date.now();

  async function put({ volume, name, bytes, object, sha256 }: Piece): Promise<void> {
    const hash = createHash('sha256');
    const stream = Readable.from(hashed(await open(source, object, volume, name), hash), { objectMode: false });
    const path = { volume: volume % database.volumes, path: name };
    try {
      await agents.putFile(agent, database.id, path, sha256, stream, run.signal);
    } catch (error) {
      if (error instanceof VolumeFull) throw new NoRoom(total);
      // Read to its end, it is either as it should be, and was damaged on its way to the host, or it is no backup.
      if (stream.readableEnded && hash.digest('hex') !== sha256) throw damaged(name, volume, object, 'is damaged');
      throw error;
    } finally {
      stream.destroy();
    }
    doneBytes += bytes;
    run.progress(doneBytes, total, 'bytes');
  }

  await inLanes(
    { from, count: pieces.length, lanes },
    (index) => put(pieces[index]!),
    async (done) => {
      const isOver = run.sliceOver();
      if (!isOver && Date.now() - savedMs < saveEveryMs) return;
      savedMs = Date.now();
      await run.saveCheckpoint({ done, hostId });
      if (isOver && done < pieces.length) throw new SliceOver();
    },
  );
}

/** The volumes of the host cannot take the backup. */
export class NoRoom extends Permanent {
  constructor(bytes: number) {
    super(`StorageFull: the volumes of the host have no room for the ${bytes} bytes of the backup`);
  }
}

/** A journal that was shipped whole replaces what the backup has of it. */
async function piecesOf({ manifest, source, untilMs }: FillOptions): Promise<Piece[]> {
  const journals = untilMs === null ? [] : await journalsSince(manifest, source);
  const replaced = new Set(journals.map(({ name }) => name));
  return [...manifest.files.filter(({ name }) => !replaced.has(name)), ...journals];
}

/** Every file from the backup's first one on, without a gap. */
async function journalsSince(
  { databaseId, journal, createdAt }: BackupManifest,
  source: ObjectStore,
): Promise<Piece[]> {
  if (!journal) throw new Permanent('the backup has no journal to continue: it can only be restored as it is');
  const shipped = (await shippedJournals(source, databaseId, journal.incarnation)).filter(
    ({ generation }) => generation >= journal.generation,
  );
  const pieces: Piece[] = [];
  for (const [index, { generation, key, bytes }] of shipped.entries()) {
    const wanted = journal.generation + index;
    if (generation !== wanted)
      throw new Permanent(
        `journal file ${wanted} was never shipped: what came after the backup of ${createdAt} is not whole. Choose a later backup, or restore this one as it is`,
      );
    const place = { incarnation: journal.incarnation, generation };
    const { sha256 } = await shippedFile(source, shippedChecksumKey(databaseId, place), key);
    pieces.push({ volume: 0, name: `journal-${String(generation).padStart(10, '0')}.log`, bytes, object: key, sha256 });
  }
  return pieces;
}

/** What its agent said of it; it comes a moment after the file itself. */
async function shippedFile(source: ObjectStore, checksumKey: string, key: string): Promise<ShippedFile> {
  try {
    return (await json(await source.get(checksumKey))) as ShippedFile;
  } catch (error) {
    if (error instanceof ObjectNotFound)
      throw new Error('a journal file is still being shipped', { cause: new Error(key) });
    throw error;
  }
}

async function open(source: ObjectStore, object: string, volume: number, name: string): Promise<Readable> {
  try {
    return await source.get(object);
  } catch (error) {
    if (error instanceof ObjectNotFound) throw damaged(name, volume, object, 'is missing');
    throw error;
  }
}

function damaged(name: string, volume: number, object: string, what: string): BackupDamaged {
  return new BackupDamaged(`the backup cannot be restored: ${name} of volume ${volume} ${what} (object ${object})`);
}
