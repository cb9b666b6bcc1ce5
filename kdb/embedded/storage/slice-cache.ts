import { columnBytes } from '../memory/columns.ts';
import type { Decoded, Part, PartSlice } from './part.ts';
import type { ReadCost } from './read-cost.ts';

interface Kept {
  readonly value: Promise<Decoded>;
  bytes: number;
}

/** Decoded columns of parts, the ones not used for longest going first. Reads of one part that are asked for together are made together. */
export class SliceCache {
  readonly #maxBytes: number;
  readonly #kept = new Map<string, Kept>();
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  async load(
    part: Part,
    wanted: readonly { readonly slice: PartSlice; readonly field: number | null }[],
    cost: ReadCost | null,
  ): Promise<Decoded[]> {
    const missing: { slice: PartSlice; field: number | null; key: string }[] = [];
    const keys = wanted.map(({ slice, field }) => {
      const key = `${part.entry.number}/${slice.times[0]}/${field ?? ''}`;
      const kept = this.#kept.get(key);
      cost?.count(part, slice, field, kept !== undefined);
      if (!kept) missing.push({ slice, field, key });
      else {
        this.#kept.delete(key);
        this.#kept.set(key, kept);
      }
      return key;
    });
    if (missing.length > 0) {
      const loading = part.load(missing);
      for (const [i, { key }] of missing.entries()) {
        const kept: Kept = { value: loading.then((decoded) => decoded[i]!), bytes: 0 };
        kept.value.then(
          (decoded) => this.#settle(key, kept, bytesOf(decoded)),
          () => this.#kept.delete(key),
        );
        this.#kept.set(key, kept);
      }
    }
    return Promise.all(keys.map((key) => this.#kept.get(key)!.value));
  }

  #settle(key: string, kept: Kept, bytes: number): void {
    if (this.#kept.get(key) !== kept) return;
    kept.bytes = bytes;
    this.#bytes += bytes;
    for (const [oldest, { bytes: freed }] of this.#kept) {
      if (this.#bytes <= this.#maxBytes) break;
      if (freed === 0) continue;
      this.#bytes -= freed;
      this.#kept.delete(oldest);
    }
  }
}

function bytesOf(decoded: Decoded): number {
  return 'kind' in decoded
    ? columnBytes(decoded)
    : decoded.ids.byteLength + decoded.starts.byteLength + decoded.times.byteLength;
}
