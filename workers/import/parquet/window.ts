// Values of one column in a window of rows, as the file has them: one of the arrays, by physical type.

/** Byte ranges: where each value is in one of the sources. */
export interface Spans {
  readonly sources: Uint8Array[];
  readonly source: Int32Array;
  readonly start: Int32Array;
  readonly end: Int32Array;
}

export interface Values {
  readonly ints: Int32Array;
  readonly longs: BigInt64Array;
  readonly floats: Float64Array;
  readonly flags: Uint8Array;
  readonly spans: Spans;
}

export type Physical = 'ints' | 'longs' | 'floats' | 'flags' | 'spans';

export function valuesFor(physical: Physical, rows: number): Values {
  const size = (name: Physical): number => (name === physical ? rows : 0);
  return {
    ints: new Int32Array(size('ints')),
    longs: new BigInt64Array(size('longs')),
    floats: new Float64Array(size('floats')),
    flags: new Uint8Array(size('flags')),
    spans: {
      sources: [],
      source: new Int32Array(size('spans')),
      start: new Int32Array(size('spans')),
      end: new Int32Array(size('spans')),
    },
  };
}

/** The number of a source. */
export function sourceOf({ sources }: Spans, bytes: Uint8Array): number {
  // The last one most likely: a page is read to its end before the next.
  const known = sources.lastIndexOf(bytes);
  return known >= 0 ? known : sources.push(bytes) - 1;
}
