// What the thread that decodes a file (decoding-thread.ts) and its owner (decoding.ts) say to each other.

import type { ByteRange } from '../../src/base/object-store.ts';
import type { ImportParams } from '../../src/ingest/import.ts';
import type { SeriesInfo } from '../../src/kdb/engine.ts';
import type { Plan } from './plan.ts';
import type { Piece } from './source-file.ts';
import type { Step, StepsFrom } from './steps.ts';

export type ToThread =
  | {
      readonly kind: 'plan';
      readonly pieces: readonly Piece[];
      readonly params: ImportParams;
      readonly info: SeriesInfo | null;
    }
  /** Of a Parquet file that is not packed. */
  | { readonly kind: 'columns'; readonly plan: Plan; readonly params: ImportParams }
  | { readonly kind: 'steps'; readonly plan: Plan; readonly params: ImportParams; readonly from: StepsFrom }
  /** One more step may be decoded. */
  | { readonly kind: 'more' }
  /** Null: that was all. */
  | { readonly kind: 'bytes'; readonly read: number; readonly bytes: Uint8Array<ArrayBuffer> | null };

export type FromThread =
  | { readonly kind: 'read'; readonly read: number; readonly key: string; readonly range: ByteRange | undefined }
  /** More of a read is asked for, or none. */
  | { readonly kind: 'pull'; readonly read: number }
  | { readonly kind: 'stop'; readonly read: number }
  | Answer;

export type Answer =
  | { readonly kind: 'planned'; readonly plan: Plan }
  | { readonly kind: 'step'; readonly step: Step }
  | { readonly kind: 'end' }
  | { readonly kind: 'failed'; readonly permanent: boolean; readonly error: Error };

/** How many steps are decoded before the first of them is taken. */
export const stepsAhead = 2;
