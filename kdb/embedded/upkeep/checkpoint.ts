// Moves what is in memory into parts. Memory is frozen at a record of the journal, written while queries and inserts go on, and goes live by the manifest.
import { floorDiv } from '../../../src/base/time.ts';
import type { Catalogue } from '../memory/catalogue.ts';
import { dayNs, offsetWithin, timeOf } from '../memory/era.ts';
import { type RowCursor, segmentAt } from '../memory/row-cursor.ts';
import type { Run } from '../memory/run.ts';
import type { SeriesStore } from '../memory/series-store.ts';
import { Pace } from '../pace.ts';
import { overlaps, spanOf } from '../query/source.ts';
import type { AppliedBatches } from '../storage/applied-batches.ts';
import { type Entry, type Journal, storageError } from '../storage/journal.ts';
import type { Part, PartEntry } from '../storage/part.ts';
import { readAllRuns } from '../storage/part-runs.ts';
import { type Days, dayStartNs, rangeOf, volumeOf } from '../storage/parts.ts';
import { captureState, type State } from '../storage/state.ts';
import type { Covered, Storage } from '../storage/storage.ts';
import type { Writer } from '../writer.ts';
import { type PartitionInput, writePartition } from './partition.ts';

/** Rows that a checkpoint leaves out. */
export interface Deletion {
  /** What the journal says of it. */
  readonly entry: Entry;
  /** Of one tag set: which rows; null: none. */
  dropped(series: SeriesStore, id: number): ((row: RowCursor) => boolean) | null;
  /** Parts that may hold such rows, and so are written anew. */
  touches(part: PartEntry, isDamaged: boolean): boolean;
  /** Parts that go as a whole, unread. */
  swallows(part: PartEntry): boolean;
  /** Corrects the newest values, in the state that is to be saved and, once that is done, in memory. */
  correct(state: State): Promise<() => Promise<void>>;
}

export interface Checkpointed {
  readonly droppedRows: number;
}

interface Frozen {
  readonly covered: Covered;
  readonly state: State;
  readonly runs: Map<SeriesStore, Run[]>;
  readonly late: Map<SeriesStore, readonly Run[]>;
}

interface Partition extends Days {
  readonly slice: number;
  isRewritten: boolean;
  /** Of several days that are one partition. */
  newRows: number;
}

/** Days that were merged for they had little go apart again when they have more rows than this: nothing of them is read that is much larger than they were. */
const maxMergedRows = 1 << 18;

export interface CheckpointParts {
  readonly catalogue: Catalogue;
  readonly journal: Journal;
  readonly applied: AppliedBatches;
  readonly writer: Writer;
  readonly storage: Storage;
  /** Journal files that begin with a deletion that did not come to be; the next file says so. */
  readonly revoked: Set<number>;
  /** The date, in milliseconds since 1970. */
  readonly now: () => number;
}

export async function runCheckpoint(
  parts: CheckpointParts,
  deletion: Deletion | null,
  forward: Covered | null = null,
): Promise<Checkpointed> {
  const { storage, journal, catalogue, writer } = parts;
  const frozen = await writer.alone(() => freeze(parts, deletion, forward));
  const written: PartEntry[] = [];
  const gone = new Set<Part>();
  let droppedRows = 0;
  let correct: (() => Promise<void>) | undefined;
  try {
    const pace = new Pace();
    for (const [series, runs] of frozen.runs) {
      for (let run = await series.seal(pace); run; run = await series.seal(pace)) runs.push(run);
    }
    const dropped = droppedSeries(frozen);
    for (const part of storage.parts.parts) {
      const isSwallowed = deletion?.swallows(part.entry) ?? false;
      if (isSwallowed) droppedRows += part.entry.rows;
      if (isSwallowed || part.entry.series.every(dropped)) gone.add(part);
    }
    const rows = [...frozen.runs.values()].flat().reduce((sum, run) => sum + run.rows, 0);
    for (const partition of await partitionsOf(frozen, storage, deletion, pace)) {
      const { slice } = partition;
      const apart = daysApart(storage, partition);
      if (apart) partition.isRewritten = true;
      const replaced = replacedParts(storage, partition, rows).filter((part) => !gone.has(part));
      const read: Map<number, Run[]>[] = [];
      for (const part of replaced) read.push(await readAllRuns(part));
      for (const { day, days } of apart ?? [partition]) {
        const volume = volumeOf(day, slice, storage.volumes.length);
        const result = await writePartition(
          storage.files,
          {
            number: storage.takePartNumber(),
            volume,
            directory: storage.volumes[volume]!,
            day,
            days,
            slice,
            inputs: inputsOf(frozen, read, catalogue, { day, days }),
            isOwn: (series, id) => storage.parts.sliceOf(series, id) === slice,
            dropped: (series, id) => deletion?.dropped(series, id) ?? null,
          },
          pace,
        );
        droppedRows += result.droppedRows;
        if (result.entry) written.push(result.entry);
      }
      for (const part of replaced) gone.add(part);
    }
    correct = await deletion?.correct(frozen.state);
    // Parts live and memory freed in one turn: no query sees rows twice or not at all.
    await storage.replace(gone, written, frozen.state, frozen.covered, () => forget(frozen));
  } catch (error) {
    for (const series of frozen.late.keys()) series.late.unfreeze();
    await storage.discard(written);
    if (deletion && !forward) parts.revoked.add(frozen.covered.journal);
    throw storageError(error);
  } finally {
    for (const series of frozen.runs.keys()) series.release();
  }
  await correct?.();
  await journal.removeBefore(frozen.covered.journal);
  return { droppedRows };
}

function forget({ runs, late }: Frozen): void {
  for (const [series, own] of runs) {
    const done = new Set(own);
    series.replace((run) => (done.has(run) ? null : run));
  }
  for (const [series, own] of late) {
    const done = new Set(own);
    series.late.replace((run) => (done.has(run) ? null : run));
    series.late.unfreeze();
  }
}

/** Writes wait for it, queries do not: where there is much to bring in order, they have their turns. */
async function freeze(parts: CheckpointParts, deletion: Deletion | null, forward: Covered | null): Promise<Frozen> {
  const { catalogue, applied } = parts;
  const pace = new Pace();
  const covered = forward ?? (await nextFile(parts, deletion));
  const runs = new Map<SeriesStore, Run[]>();
  const late = new Map<SeriesStore, readonly Run[]>();
  for (const series of catalogue.all()) {
    runs.set(series, [...series.sealed]);
    series.freeze();
    late.set(series, series.late.freeze(series.fields));
    if (pace.isDue) await pace.rest();
  }
  return { covered, state: captureState(catalogue, applied), runs, late };
}

/** A deletion is the first record of its file: it holds for what stands before, and it is done when the manifest begins with the file. */
async function nextFile({ journal, revoked, now }: CheckpointParts, deletion: Deletion | null): Promise<Covered> {
  const savedMs = now();
  const generation = await journal.rotate();
  const revoking = revoked.size === 0 || journal.failed ? [] : [revocation(revoked)];
  if (deletion || revoking.length > 0) await journal.append([...(deletion ? [deletion.entry] : []), ...revoking]);
  if (revoking.length > 0) revoked.clear();
  return { journal: generation, savedMs };
}

function revocation(generations: ReadonlySet<number>): Entry {
  return { kind: 'revoked', body: [Buffer.from(JSON.stringify([...generations]))] };
}

/** The partitions that frozen rows fall into, and those whose parts are to be written anew. */
async function partitionsOf(
  frozen: Frozen,
  storage: Storage,
  deletion: Deletion | null,
  pace: Pace,
): Promise<Partition[]> {
  const { runs, late } = frozen;
  const found = new Map<string, Partition>();
  const add = (someDay: number, slice: number, isRewritten: boolean): Partition => {
    const { day, days } = storage.parts.daysWith(someDay, slice);
    const key = `${day}/${slice}`;
    const partition = found.get(key) ?? { day, days, slice, isRewritten, newRows: 0 };
    partition.isRewritten ||= isRewritten;
    found.set(key, partition);
    return partition;
  };
  for (const [all, isLate] of [
    [runs, false],
    [late, true],
  ] as const) {
    for (const [series, own] of all) {
      for (const run of own) {
        for (const { day, start, end } of daysOf(run)) {
          for (const slice of await slicesOf(series, run, start, end, storage, pace)) {
            const partition = add(day, slice, isLate);
            if (partition.days > 1) partition.newRows += rowsWithin(run, start, end);
          }
        }
      }
    }
  }
  const dropped = droppedSeries(frozen);
  for (const { entry, isDamaged } of storage.parts.parts) {
    if (deletion?.touches(entry, isDamaged) && !deletion.swallows(entry)) add(entry.day, entry.slice, true);
    // Rows of dropped series take no more room than others of the same part.
    const unused = entry.series.filter(dropped).reduce((sum, { rows }) => sum + rows, 0);
    if (2 * unused > entry.rows && unused < entry.rows && !isDamaged) add(entry.day, entry.slice, true);
  }
  if (deletion) for (const partition of found.values()) partition.isRewritten = true;
  return [...found.values()].sort((a, b) => a.day - b.day || a.slice - b.slice);
}

function droppedSeries({ state }: Frozen): (series: { readonly number: number }) => boolean {
  const live = new Set(state.series.map(({ number }) => number));
  return ({ number }) => !live.has(number);
}

/** The UTC days of a run, and what they are as offsets in its era. */
function* daysOf(run: Run): Generator<{ day: number; start: number; end: number }> {
  const dayOf = (offset: number) => Number(floorDiv(timeOf(run.era, offset), dayNs));
  for (let day = dayOf(run.minOffset); day <= dayOf(run.maxOffset); day++)
    yield { day, start: offsetWithin(run.era, dayStartNs(day)), end: offsetWithin(run.era, dayStartNs(day + 1)) };
}

/** Of every slice. */
function rowsWithin(run: Run, start: number, end: number): number {
  let rows = 0;
  for (let i = 0; i < run.rows; i++) if (run.times[i]! >= start && run.times[i]! < end) rows++;
  return rows;
}

/** Null: they stay one partition. */
function daysApart(storage: Storage, { day, days, slice, newRows }: Partition): Days[] | null {
  if (days === 1) return null;
  const rows = storage.parts.ofPartition(day, slice).reduce((sum, { entry }) => sum + entry.rows, newRows);
  return rows <= maxMergedRows ? null : Array.from({ length: days }, (_, i) => ({ day: day + i, days: 1 }));
}

/** The slices of the tag sets that have rows in [start, end). */
async function slicesOf(
  series: SeriesStore,
  run: Run,
  start: number,
  end: number,
  storage: Storage,
  pace: Pace,
): Promise<ReadonlySet<number>> {
  const slices = new Set<number>();
  const { parts } = storage;
  for (let i = 0; i < run.ids.length && slices.size < parts.slices; i++) {
    if ((i & 4095) === 4095 && pace.isDue) await pace.rest();
    const slice = parts.sliceOf(series.number, run.ids[i]!);
    if (!slices.has(slice) && segmentAt(run, i, start, end)) slices.add(slice);
  }
  return slices;
}

/**
 * The parts that a new one takes in: all of them when rows are late or deleted; else only the last ones while they are small beside the new rows,
 * so that a day has few parts and each row is written few times.
 */
function replacedParts(storage: Storage, partition: Partition, newRows: number): readonly Part[] {
  const existing = storage.parts.ofPartition(partition.day, partition.slice);
  if (partition.isRewritten) return existing;
  let rows = newRows / storage.parts.slices;
  let from = existing.length;
  // A damaged part stays as it is: it must not keep new rows from the disk.
  while (from > 0 && !existing[from - 1]!.isDamaged && existing[from - 1]!.entry.rows < 2 * rows)
    rows += existing[--from]!.entry.rows;
  return existing.slice(from);
}

function inputsOf(
  { runs, late }: Frozen,
  read: readonly ReadonlyMap<number, readonly Run[]>[],
  catalogue: Catalogue,
  days: Days,
): PartitionInput[] {
  const range = rangeOf(days);
  const isOfDays = (run: Run) => overlaps(spanOf(run), range);
  const inputs: PartitionInput[] = [];
  for (const series of catalogue.all()) {
    const base = [
      ...read.flatMap((part) => part.get(series.number) ?? []).filter(isOfDays),
      ...(runs.get(series) ?? []).filter(isOfDays),
    ];
    const own = (late.get(series) ?? []).filter(isOfDays);
    if (base.length + own.length > 0) inputs.push({ series, base, late: own });
  }
  return inputs;
}
