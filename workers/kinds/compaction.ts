import { taskDatabase } from './database.ts';
import { type Kind, noParams, Permanent, SliceOver } from './kind.ts';

export interface CompactionResult {
  /** So many parts … */
  readonly parts: number;
  /** … became so many. */
  readonly into: number;
  readonly bytesBefore: number;
  readonly bytesAfter: number;
}

const nothing: CompactionResult = { parts: 0, into: 0, bytesBefore: 0, bytesAfter: 0 };

/** Small parts of old days become fewer. The engine says which; each call is a piece of it that holds up nobody, and lasts. */
export const compaction: Kind<object, CompactionResult, CompactionResult> = {
  lanes: 1,
  timeLimitMs: 6 * 3_600_000,
  maxAttempts: 10,
  params: noParams,
  async run({ task, services, checkpoint, signal, progress, saveCheckpoint, sliceOver }) {
    const database = await taskDatabase(task, services.management);
    if (database?.status !== 'active') throw new Permanent('the database is not in use');
    let all = checkpoint ?? nothing;
    const engine = await services.connect(database);
    try {
      for (;;) {
        signal.throwIfAborted();
        const { parts, into, bytesBefore, bytesAfter, left } = await engine.compact();
        all = {
          parts: all.parts + Number(parts),
          into: all.into + Number(into),
          bytesBefore: all.bytesBefore + Number(bytesBefore),
          bytesAfter: all.bytesAfter + Number(bytesAfter),
        };
        progress(all.parts, all.parts + Number(left), 'parts');
        if (left === 0n) return all;
        await saveCheckpoint(all);
        if (sliceOver()) throw new SliceOver();
      }
    } finally {
      await engine.close();
    }
  },
  /** What is merged stays so, and the next one goes on. */
  async giveUp() {},
};
