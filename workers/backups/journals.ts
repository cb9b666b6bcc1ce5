// The closed journal files that hosts ship: what a recovery up to a point in time reads after a backup's own files.

import type { ObjectStore } from '../../src/base/object-store.ts';
import type { Backup, JournalPlace } from '../../src/management/records.ts';
import { generationOfKey, incarnationPrefix, journalPrefix } from '../../src/management/shipped-journal.ts';

export interface ShippedJournal extends JournalPlace {
  readonly key: string;
  readonly bytes: number;
  readonly at: Date;
}

/** In the order of incarnations and generations. */
export async function shippedJournals(
  objects: ObjectStore,
  databaseId: string,
  incarnation?: string,
): Promise<ShippedJournal[]> {
  const prefix = incarnation === undefined ? journalPrefix(databaseId) : incarnationPrefix(databaseId, incarnation);
  const found: ShippedJournal[] = [];
  for await (const object of objects.list(prefix)) {
    const generation = generationOfKey(object.key);
    const own = object.key.slice(journalPrefix(databaseId).length).split('/')[0]!;
    if (generation !== null) found.push({ incarnation: own, generation, ...object });
  }
  return found.sort((a, b) =>
    a.incarnation === b.incarnation ? a.generation - b.generation : a.incarnation < b.incarnation ? -1 : 1,
  );
}

/**
 * Those that no recovery can begin with: older than every complete backup. A journal of which there is no backup yet stays as long as one
 * of its files is younger than the newest backup: its first backup may be under way.
 */
export function uselessJournals(
  journals: readonly ShippedJournal[],
  backups: readonly Backup[],
  isGone: boolean,
): ShippedJournal[] {
  const complete = backups.filter(({ status }) => status === 'complete');
  if (isGone && complete.length === 0) return [...journals];
  const newestMs = Math.max(0, ...complete.map(({ createdAt }) => Date.parse(createdAt)));
  return [...Map.groupBy(journals, ({ incarnation }) => incarnation)].flatMap(([incarnation, files]) => {
    const starts = complete.flatMap(({ journal }) =>
      journal?.incarnation === incarnation ? [journal.generation] : [],
    );
    if (starts.length > 0) return files.filter(({ generation }) => generation < Math.min(...starts));
    return files.some(({ at }) => at.getTime() >= newestMs) ? [] : files;
  });
}
