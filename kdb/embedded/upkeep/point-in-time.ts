// A database as it was at a moment: parts of a backup brought forward with the journal, deletions included.

import { deserialize } from 'node:v8';
import type { Recovery } from '../../../src/management/host-agent.ts';
import type { Catalogue } from '../memory/catalogue.ts';
import type { SeriesStore } from '../memory/series-store.ts';
import type { Source } from '../query/source.ts';
import type { Journal } from '../storage/journal.ts';
import { JournalDamaged } from '../storage/journal-file.ts';
import type { JournalRecord } from '../storage/journal-record.ts';
import type { ReplayReport } from '../storage/journal-scan.ts';
import type { Storage } from '../storage/storage.ts';
import type { Deletion } from './checkpoint.ts';
import { type DeletedRecord, PointDeletion, Retention } from './deletion.ts';
import type { Upkeep } from './upkeep.ts';

export interface PointInTime {
  readonly catalogue: Catalogue;
  readonly journal: Journal;
  readonly storage: Storage;
  readonly upkeep: Upkeep;
  /** Applies an insert, a define, a drop. */
  apply(record: JournalRecord): void;
  /** Every field of a series. */
  open(series: SeriesStore): Source;
}

/**
 * Applies what arrived up to a moment, and leaves out for good what follows. The journal may end anywhere: what was not shipped is lost. May be cut
 * short at any point and done again: parts only ever move forward to the beginning of a file, and the last manifest says that it is done.
 */
export async function recoverUntil(untilMs: number, parts: PointInTime): Promise<ReplayReport> {
  const { journal, storage, upkeep } = parts;
  let { savedMs, journal: generation } = storage.manifest;
  if (savedMs > untilMs)
    throw new Error(
      `the backup holds what arrived until ${isoTime(savedMs)}, which is after ${isoTime(untilMs)}: take an older backup`,
    );
  const revoked = await revokedFiles(journal, generation);
  const found = await journal.scan(generation, storage.isNew, async (record, position) => {
    if (record.arrivalMs > untilMs) return false;
    if (position.generation !== generation) {
      generation = position.generation;
      const deletion = record.kind === 'deleted' && !revoked.has(generation) ? deletionOf(record, parts) : null;
      if (deletion || upkeep.isFilling) await upkeep.bringForward({ journal: generation, savedMs }, deletion);
    }
    parts.apply(record);
    savedMs = Math.max(savedMs, record.arrivalMs);
    return true;
  });
  const { records, lastArrivalMs } = found;
  const recovered: Recovery = { untilMs, records, lastArrivalMs };
  await upkeep.bringForward({ journal: await journal.startAfter(found), savedMs, recovered }, null);
  return found;
}

/** Which deletions did not come to be is said behind them, maybe after the moment. What is damaged matters only when it is reached. */
async function revokedFiles(journal: Journal, generation: number): Promise<ReadonlySet<number>> {
  const revoked = new Set<number>();
  const note = (record: JournalRecord) => {
    for (const each of revokedBy(record)) revoked.add(each);
    return true;
  };
  await journal.scan(generation, false, note).catch((error: unknown) => {
    if (!(error instanceof JournalDamaged)) throw error;
  });
  return revoked;
}

export function revokedBy({ kind, body }: JournalRecord): readonly number[] {
  return kind === 'revoked' ? (JSON.parse(body.toString('utf8')) as number[]) : [];
}

/** Null: the series was dropped while its points were being deleted. */
function deletionOf({ body }: JournalRecord, { catalogue, storage, open }: PointInTime): Deletion | null {
  const record = deserialize(body) as DeletedRecord;
  if (record.kind === 'retention') return new Retention(record.beforeNs, () => catalogue.all());
  const series = catalogue.find(record.spec.series);
  return series ? new PointDeletion(series, record.spec, storage.parts, () => open(series), record.tagSets) : null;
}

function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}
