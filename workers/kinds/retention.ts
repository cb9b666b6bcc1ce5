import { taskDatabase } from './database.ts';
import { type Kind, noParams, Permanent } from './kind.ts';

const dayMs = 24 * 3_600_000;

/** Removes the points that are older than the database keeps them: whole days. */
export const retention: Kind<object, never, { readonly removed: number }> = {
  lanes: 2,
  timeLimitMs: 3_600_000,
  maxAttempts: 10,
  params: noParams,
  async run({ task, services }) {
    const database = await taskDatabase(task, services.management);
    if (database?.status !== 'active') throw new Permanent('the database is not in use');
    if (database.retentionDays === null) return { removed: 0 };
    const beforeMs = services.management.clock() - database.retentionDays * dayMs;
    const engine = await services.connect(database);
    try {
      return { removed: Number(await engine.retain(BigInt(beforeMs) * 1_000_000n)) };
    } finally {
      await engine.close();
    }
  },
  /** The next one removes more. */
  async giveUp() {},
};
