import { dayNs } from '../memory/era.ts';
import type { Part } from './part.ts';

/** UTC days that one part has, or will have. */
export interface Days {
  readonly day: number;
  readonly days: number;
}

/** The live parts of a manifest; a new set replaces it as a whole. */
export class PartSet {
  readonly parts: readonly Part[];
  readonly slices: number;
  readonly #ofSeries = new Map<number, Part[]>();
  readonly #ofPartition = new Map<string, Part[]>();
  /** By each of the days of parts that have more than one. */
  readonly #merged = new Map<string, Days>();

  constructor(parts: readonly Part[], slices: number) {
    this.parts = parts;
    this.slices = slices;
    for (const part of parts) {
      const partition = `${part.entry.day}/${part.entry.slice}`;
      const beside = this.#ofPartition.get(partition);
      if (beside) beside.push(part);
      else this.#ofPartition.set(partition, [part]);
      const { day, days, slice } = part.entry;
      if (days > 1) for (let own = day; own < day + days; own++) this.#merged.set(`${own}/${slice}`, { day, days });
      for (const { number } of part.entry.series) {
        const own = this.#ofSeries.get(number);
        if (own) own.push(part);
        else this.#ofSeries.set(number, [part]);
      }
    }
  }

  ofSeries(number: number): readonly Part[] {
    return this.#ofSeries.get(number) ?? [];
  }

  /** The days that share a partition with this one. Partitions of a slice have no day in common. */
  daysWith(day: number, slice: number): Days {
    return this.#merged.get(`${day}/${slice}`) ?? { day, days: 1 };
  }

  /** By its first day; oldest first. */
  ofPartition(day: number, slice: number): readonly Part[] {
    return this.#ofPartition.get(`${day}/${slice}`) ?? [];
  }

  /** The slice that the rows of a tag set are in: series with one tag set each are spread too. */
  sliceOf(series: number, id: number): number {
    return (series + id) % this.slices;
  }

  without(gone: ReadonlySet<Part>, added: readonly Part[]): PartSet {
    return new PartSet([...this.parts.filter((part) => !gone.has(part)), ...added], this.slices);
  }
}

/** Slices go to the volumes in rotation, one further each day: also a scan of one day reads every volume. */
export function volumeOf(day: number, slice: number, volumes: number): number {
  return (((day + slice) % volumes) + volumes) % volumes;
}

export function rangeOf({ day, days }: Days): { readonly fromNs: bigint; readonly toNs: bigint } {
  return { fromNs: dayStartNs(day), toNs: dayStartNs(day + days) };
}

export function dayStartNs(day: number): bigint {
  return BigInt(day) * dayNs;
}
