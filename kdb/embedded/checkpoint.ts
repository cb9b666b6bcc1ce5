// Moves what is in memory into parts. Memory is frozen at a record of the journal, written while queries and inserts go on, and goes live by the manifest.
import type { AppliedBatches } from './applied-batches.ts';
import type { Catalogue } from './catalogue.ts';
import { dayNs, eraSpan, instantOf, offsetWithin } from './era.ts';
import { type Journal, storageError } from './journal.ts';
import { Pace } from './pace.ts';
import type { Part, PartEntry } from './part.ts';
import { readAllRuns } from './part-runs.ts';
import { type PartitionInput, writePartition } from './partition.ts';
import { dayStartNs, volumeOf } from './parts.ts';
import type { RowCursor } from './row-cursor.ts';
import { lowerBound, type Run } from './run.ts';
import type { SeriesStore } from './series-store.ts';
import { captureState, type State } from './state.ts';
import type { Storage } from './storage.ts';
import type { Writer } from './writer.ts';

/** Rows that a checkpoint leaves out. */
export interface Deletion {
  /** Of one tag set: which rows; null: none. */
  dropped(series: SeriesStore, id: number): ((row: RowCursor) => boolean) | null;
  /** Parts that may hold such rows, and so are written anew. */
  touches(part: PartEntry): boolean;
  /** Parts that go as a whole, unread. */
  swallows(part: PartEntry): boolean;
  /** Corrects the newest values, in the state that is to be saved and, once that is done, in memory. */
  correct(state: State): Promise<() => void>;
}

export interface Checkpointed {
  readonly droppedRows: number;
}

interface Frozen {
  readonly generation: number;
  readonly state: State;
  readonly runs: Map<SeriesStore, Run[]>;
  readonly late: Map<SeriesStore, readonly Run[]>;
}

interface Partition {
  readonly day: number;
  readonly slice: number;
  isRewritten: boolean;
}

export interface CheckpointParts {
  readonly catalogue: Catalogue;
  readonly journal: Journal;
  readonly applied: AppliedBatches;
  readonly writer: Writer;
  readonly storage: Storage;
}

export async function runCheckpoint(parts: CheckpointParts, deletion: Deletion | null): Promise<Checkpointed> {
  const { storage, journal, catalogue, writer } = parts;
  const frozen = await writer.alone(() => freeze(parts));
  const written: PartEntry[] = [];
  const gone = new Set<Part>();
  let droppedRows = 0;
  try {
    const pace = new Pace();
    for (const [series, runs] of frozen.runs) {
      for (let run = series.seal(); run; run = series.seal()) {
        runs.push(run);
        await pace.rest();
      }
    }
    for (const part of storage.parts.parts) {
      if (!deletion?.swallows(part.entry)) continue;
      gone.add(part);
      droppedRows += part.entry.rows;
    }
    for (const partition of await partitionsOf(frozen, storage, deletion, pace)) {
      const replaced = replacedParts(storage, partition, frozen).filter((part) => !gone.has(part));
      const { day, slice } = partition;
      const volume = volumeOf(day, slice, storage.volumes.length);
      const inputs = await inputsOf(frozen, replaced, catalogue);
      const result = await writePartition(
        storage.files,
        {
          number: storage.takePartNumber(),
          volume,
          directory: storage.volumes[volume]!,
          day,
          slice,
          inputs,
          isOwn: (series, id) => storage.parts.sliceOf(series, id) === slice,
          dropped: (series, id) => deletion?.dropped(series, id) ?? null,
        },
        pace,
      );
      droppedRows += result.droppedRows;
      if (result.entry) written.push(result.entry);
      for (const part of replaced) gone.add(part);
    }
    const correct = await deletion?.correct(frozen.state);
    // Parts live and memory freed in one turn: no query sees rows twice or not at all.
    await storage.replace(gone, written, frozen.state, frozen.generation, () => {
      forget(frozen);
      correct?.();
    });
  } catch (error) {
    for (const series of frozen.late.keys()) series.late.unfreeze();
    await storage.discard(written);
    throw storageError(error);
  }
  await journal.removeBefore(frozen.generation);
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

async function freeze({ catalogue, journal, applied }: CheckpointParts): Promise<Frozen> {
  const generation = await journal.rotate();
  const runs = new Map<SeriesStore, Run[]>();
  const late = new Map<SeriesStore, readonly Run[]>();
  for (const series of catalogue.all()) {
    runs.set(series, [...series.sealed]);
    series.freeze();
    late.set(series, series.late.freeze(series.fields));
  }
  return { generation, state: captureState(catalogue, applied), runs, late };
}

/** The days and slices that frozen rows fall into, and those whose parts are to be written anew. */
async function partitionsOf(
  { runs, late }: Frozen,
  storage: Storage,
  deletion: Deletion | null,
  pace: Pace,
): Promise<Partition[]> {
  const found = new Map<string, Partition>();
  const add = (day: number, slice: number, isRewritten: boolean) => {
    const key = `${day}/${slice}`;
    const partition = found.get(key);
    if (partition) partition.isRewritten ||= isRewritten;
    else found.set(key, { day, slice, isRewritten });
  };
  for (const [all, isLate] of [
    [runs, false],
    [late, true],
  ] as const) {
    for (const [series, own] of all) {
      for (const run of own) {
        for (let i = 0; i < run.ids.length; i++) {
          const slice = storage.parts.sliceOf(series.number, run.ids[i]!);
          for (const day of daysOf(run, run.starts[i]!, run.starts[i + 1]!)) add(day, slice, isLate);
        }
        if (pace.isDue) await pace.rest();
      }
    }
  }
  for (const { entry } of storage.parts.parts)
    if (deletion?.touches(entry) && !deletion.swallows(entry)) add(entry.day, entry.slice, true);
  if (deletion) for (const partition of found.values()) partition.isRewritten = true;
  return [...found.values()].sort((a, b) => a.day - b.day || a.slice - b.slice);
}

const dayLength = Number(dayNs);

function* daysOf(run: Run, start: number, end: number): Generator<number> {
  // Eras do not begin at midnight: the distance from the first midnight of the era.
  const firstDay = Math.floor((run.era * eraSpan) / dayLength);
  const origin = instantOf(dayStartNs(firstDay));
  const shift = (run.era - origin.era) * eraSpan - origin.offset;
  for (let row = start; row < end; ) {
    const day = firstDay + Math.floor((run.times[row]! + shift) / dayLength);
    yield day;
    row = lowerBound(run.times, offsetWithin(run.era, dayStartNs(day + 1)), row, end);
  }
}

/**
 * The parts that a new one takes in: all of them when rows are late or deleted; else only the last ones while they are small beside the new rows,
 * so that a day has few parts and each row is written few times.
 */
function replacedParts(storage: Storage, partition: Partition, frozen: Frozen): readonly Part[] {
  const existing = storage.parts.ofPartition(partition.day, partition.slice);
  if (partition.isRewritten) return existing;
  let rows = [...frozen.runs.values()].flat().reduce((sum, run) => sum + run.rows, 0) / storage.parts.slices;
  let from = existing.length;
  // A damaged part stays as it is: it must not keep new rows from the disk.
  while (from > 0 && !existing[from - 1]!.isDamaged && existing[from - 1]!.entry.rows < 2 * rows)
    rows += existing[--from]!.entry.rows;
  return existing.slice(from);
}

async function inputsOf(
  { runs, late }: Frozen,
  replaced: readonly Part[],
  catalogue: Catalogue,
): Promise<PartitionInput[]> {
  const inputs: PartitionInput[] = [];
  const read: Map<number, Run[]>[] = [];
  for (const part of replaced) read.push(await readAllRuns(part));
  for (const series of catalogue.all()) {
    const base = [...read.flatMap((part) => part.get(series.number) ?? []), ...(runs.get(series) ?? [])];
    const own = late.get(series) ?? [];
    if (base.length + own.length > 0) inputs.push({ series, base, late: own });
  }
  return inputs;
}
