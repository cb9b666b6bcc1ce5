// One file of the journal: its name, how it begins, and what is said when it is not as it should be.

/** A file begins with this, its generation u64 (a file put in another's place is noticed) and the sequence of its first record u64. */
const magic = 'TSGJ0002';
export const fileHeaderBytes = 24;

/** The journal cannot be read: acknowledged data is damaged, so the start refuses. */
export class JournalDamaged extends Error {}

export function journalName(generation: number): string {
  return `journal-${String(generation).padStart(10, '0')}.log`;
}

export function generationOf(name: string): number | null {
  const found = /^journal-(\d{10})\.log$/.exec(name);
  return found ? Number(found[1]) : null;
}

/** How a file begins whose first record has that sequence. */
export function fileHeader(generation: number, sequence: number): Buffer {
  const header = Buffer.alloc(fileHeaderBytes);
  header.write(magic, 'latin1');
  header.writeBigUInt64LE(BigInt(generation), 8);
  header.writeBigUInt64LE(BigInt(sequence), 16);
  return header;
}

/** The sequence of its first record; null: this is not that journal file. */
export function firstSequence(file: Buffer, generation: number): number | null {
  const isOwn =
    file.length >= fileHeaderBytes &&
    file.toString('latin1', 0, 8) === magic &&
    Number(file.readBigUInt64LE(8)) === generation;
  return isOwn ? Number(file.readBigUInt64LE(16)) : null;
}

/** Why the file is not that journal file. */
export function foreign(path: string, file: Buffer, generation: number): JournalDamaged {
  const begin = file.toString('latin1', 0, magic.length);
  const isOther = begin.startsWith(magic.slice(0, 4)) && begin !== magic;
  return new JournalDamaged(
    isOther
      ? `${path} begins with ${begin} instead of ${magic}: another version of the engine wrote it; start that one`
      : `${path} at offset 0: this is not journal ${generation}; restore the file, or restore the database from a backup`,
  );
}

export function missing(path: string): JournalDamaged {
  return new JournalDamaged(`${path} is missing: restore it, or restore the database from a backup`);
}

export function damaged(path: string, at: number, soundAt: number): JournalDamaged {
  return new JournalDamaged(
    `${path} is damaged at offset ${at}${soundAt >= 0 ? ` (a sound record follows at ${soundAt})` : ''}: acknowledged data stands there. Restore the file or the database from a backup; ` +
      `to go on without what follows, cut the file at ${at} bytes and remove later journal files`,
  );
}

/** Bytes from `at` to the last one that is not zero. */
export function lastByte(file: Buffer, at: number): number {
  let end = file.length;
  while (end > at && file[end - 1] === 0) end--;
  return end - at;
}
