import type { Part, PartSlice } from './part.ts';

/** What one query read of parts, counted while it reads. */
export class ReadCost {
  readonly bytesPerVolume: BigInt64Array;
  bytesCached = 0;
  parts = 0;
  readMs = 0;

  constructor(volumes: number) {
    this.bytesPerVolume = new BigInt64Array(volumes);
  }

  /** A block of a part is needed; `cached`: it is in memory already. */
  count(part: Part, slice: PartSlice, field: number | null, cached: boolean): void {
    const blocks = field === null ? [slice.ids, slice.starts, slice.times] : [slice.columns[field]!];
    const bytes = blocks.reduce((sum, block) => sum + block[1], 0);
    if (cached) this.bytesCached += bytes;
    else this.bytesPerVolume[part.entry.volume]! += BigInt(bytes);
  }
}
