// Small old parts become fewer: days of one slice that have little, and what several checkpoints wrote of one day. Rows, and what is covered of the
// journal, stay as they are.
import type { SeriesStore } from '../memory/series-store.ts';
import { Pace } from '../pace.ts';
import type { Part, PartEntry } from '../storage/part.ts';
import { readAllRuns } from '../storage/part-runs.ts';
import { type Days, volumeOf } from '../storage/parts.ts';
import type { Storage } from '../storage/storage.ts';
import { type PartitionInput, writePartition } from './partition.ts';

/**
 * Values (a time is one) that a merged part has at most. Reading a part costs as much as decoding so many, so that larger ones would make whole
 * scans little faster, and narrow queries slower.
 */
const maxValues = 1 << 18;
/** Days are merged within blocks of so many: they fit into one era and a half, and block after block begins on another volume. */
const blockDays = 31;
/** While the block is not over its parts are merged when they are this many, so that a row is written anew a few times at most. */
const enoughParts = 8;
/** Of one turn: checkpoints wait for it. */
const maxTurnValues = 16 * maxValues;
const dayMs = 86_400_000;
/** What is late comes within so many days after its own, mostly. */
const restDays = 2;

/** Parts of one slice that are to become one. */
interface Group extends Days {
  readonly slice: number;
  readonly parts: readonly Part[];
  readonly values: number;
}

export interface Compacted {
  /** Parts that went, and that came in their place. */
  readonly merged: number;
  readonly written: number;
  readonly bytesBefore: number;
  readonly bytesAfter: number;
  /** Parts that can still be merged. */
  readonly left: number;
}

interface CompactionParts {
  readonly storage: Storage;
  readonly series: readonly SeriesStore[];
  readonly nowMs: number;
}

/** Merges as many groups as one turn takes. */
export async function runCompaction({ storage, series, nowMs }: CompactionParts): Promise<Compacted> {
  const all = groupsOf(storage, series, Math.floor(nowMs / dayMs) + 1 - restDays);
  const chosen: Group[] = [];
  let values = 0;
  for (const group of all) {
    if (values > maxTurnValues) break;
    values += group.values;
    chosen.push(group);
  }
  const gone = chosen.flatMap(({ parts }) => parts);
  const written: PartEntry[] = [];
  try {
    for (const group of chosen) written.push(await writeGroup(storage, series, group));
    if (gone.length > 0) await storage.replaceParts(new Set(gone), written);
  } catch (error) {
    await storage.discard(written);
    throw error;
  }
  const bytes = (entries: readonly PartEntry[]) => entries.reduce((sum, entry) => sum + entry.bytes, 0);
  return {
    merged: gone.length,
    written: written.length,
    bytesBefore: bytes(gone.map(({ entry }) => entry)),
    bytesAfter: bytes(written),
    left: all.slice(chosen.length).reduce((sum, { parts }) => sum + parts.length, 0),
  };
}

/** Of days that are over before `endDay`, the same however often it is asked: what is merged already is left alone. */
function groupsOf(storage: Storage, series: readonly SeriesStore[], endDay: number): Group[] {
  const columns = new Map(series.map(({ number, fields }) => [number, 1 + fields.length]));
  const valuesOf = ({ entry }: Part) =>
    entry.series.reduce((sum, { number, rows }) => sum + rows * (columns.get(number) ?? 0), 0);
  const isFit = ({ entry, isDamaged }: Part) =>
    !isDamaged &&
    // The next checkpoint takes care of series that were dropped.
    entry.series.every(({ number }) => columns.has(number));
  const blocks = Map.groupBy(
    storage.parts.parts.filter(({ entry }) => entry.day + entry.days <= endDay),
    ({ entry }) => `${entry.slice}/${blockOf(entry.day)}`,
  );
  const groups: Group[] = [];
  for (const [, parts] of blocks) {
    const { slice } = parts[0]!.entry;
    const partitions = [...Map.groupBy(parts, ({ entry }) => entry.day)]
      .sort(([a], [b]) => a - b)
      .map(([day, own]) => ({ day, days: own[0]!.entry.days, slice, parts: own, values: sum(own.map(valuesOf)) }));
    let run: Group[] = [];
    const isBlockOver = (blockOf(partitions[0]!.day) + 1) * blockDays <= endDay;
    const end = (isComplete: boolean) => {
      const group = joined(run);
      run = [];
      if (group && group.parts.length >= (isComplete ? 2 : enoughParts)) groups.push(group);
    };
    for (const partition of partitions) {
      if (!partition.parts.every(isFit) || partition.values > maxValues) {
        end(true);
        const small = smallOf(partition.parts.filter(isFit), valuesOf);
        if (small.length > 1) groups.push({ ...partition, parts: small, values: sum(small.map(valuesOf)) });
        continue;
      }
      if (sum(run.map(({ values }) => values)) + partition.values > maxValues) end(true);
      run.push(partition);
    }
    end(isBlockOver);
  }
  return groups;
}

function blockOf(day: number): number {
  return Math.floor(day / blockDays);
}

/** Of a day with much: the parts that are small beside what one may have. */
function smallOf(parts: readonly Part[], valuesOf: (part: Part) => number): Part[] {
  const small: Part[] = [];
  let values = 0;
  for (const part of [...parts].sort((a, b) => valuesOf(a) - valuesOf(b))) {
    values += valuesOf(part);
    if (values > maxValues) break;
    small.push(part);
  }
  return small;
}

function joined(run: readonly Group[]): Group | null {
  const [first] = run;
  if (!first) return null;
  const last = run.at(-1)!;
  return {
    day: first.day,
    days: last.day + last.days - first.day,
    slice: first.slice,
    parts: run.flatMap(({ parts }) => parts),
    values: sum(run.map(({ values }) => values)),
  };
}

async function writeGroup(
  storage: Storage,
  series: readonly SeriesStore[],
  { day, days, slice, parts }: Group,
): Promise<PartEntry> {
  const read: Map<number, PartitionInput['base']>[] = [];
  for (const part of parts) read.push(await readAllRuns(part));
  const inputs: PartitionInput[] = [];
  for (const one of series) {
    const base = read.flatMap((runs) => runs.get(one.number) ?? []);
    if (base.length > 0) inputs.push({ series: one, base, late: [] });
  }
  const volume = volumeOf(day, slice, storage.volumes.length);
  const { entry } = await writePartition(
    storage.files,
    {
      ...{ number: storage.takePartNumber(), volume, directory: storage.volumes[volume]!, day, days, slice, inputs },
      isOwn: () => true,
      dropped: () => null,
    },
    new Pace(),
  );
  return entry!;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
