// A region whose databases are real processes, and what backups of them are tested with.

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { embeddedProgram } from '../../../kdb/agent/program.ts';
import { createEngineClient } from '../../../src/kdb/client.ts';
import type { Engine } from '../../../src/kdb/engine.ts';
import { theService } from '../../../src/management/audit.ts';
import type { Database, RestoreParams, Task } from '../../../src/management/records.ts';
import type { NewTask } from '../../../src/management/task-item.ts';
import type { WorkerServices } from '../../../workers/kinds/kind.ts';
import { batchOf, type Point, point, queryOf, rowsOf } from '../../engines/points.ts';
import { newDatabase, region } from '../../management/region.ts';
import { type TestRegion, testRegion } from '../region.ts';

export const program = embeddedProgram();
export const accountId = 'a1';
const dayNs = 86_400_000_000_000n;

export const connect: WorkerServices['connect'] = async ({ endpoint, user, password }) =>
  createEngineClient({ ...endpoint!, user, password });

export type WorkerChoice = Omit<NonNullable<Parameters<TestRegion['worker']>[0]>, 'connect'>;

export interface World extends TestRegion {
  readonly host: Awaited<ReturnType<TestRegion['addHost']>>;
  readonly database: (name: string) => Promise<Database>;
  /** Makes a task and runs it until it has ended. */
  readonly task: (kind: NewTask['kind'], database: Database, params?: object, choice?: WorkerChoice) => Promise<Task>;
  /** Runs a task, and those that it makes, until it has ended. */
  readonly finish: (taskId: string, choice?: WorkerChoice) => Promise<Task>;
  readonly restore: (
    name: string,
    params: Partial<RestoreParams>,
    of: Database,
    volumes?: number,
  ) => Promise<{ database: Database; task: Task }>;
  readonly within: <T>(database: Database, work: (engine: Engine) => Promise<T>) => Promise<T>;
}

export async function backupWorld(t: TestContext): Promise<World> {
  const region_ = await testRegion(t);
  const { management, worker, addHost } = region_;
  const { databases, tasks, clock } = management;
  const host = await addHost('h1', { program });

  async function finish(taskId: string, choice: WorkerChoice = {}): Promise<Task> {
    const waiting = [taskId];
    for (let rounds = 0; rounds < 200; rounds++) {
      const id = waiting.shift() ?? taskId;
      const task = (await tasks.getTask(id))!;
      if (id === taskId && !['queued', 'running'].includes(task.state) && task.cleanUps === null) return task;
      // Nobody waits in a test.
      clock.aheadMs = Math.max(clock.aheadMs, Date.parse(task.waits?.until ?? '1970-01-01') - Date.now() + 1);
      for (const { id } of await management.hosts.listHosts()) await management.hosts.heartbeat(id);
      const { runner, sent } = worker({ ...choice, connect });
      await runner.run({ taskId: id });
      waiting.push(...sent.map((each) => each.taskId).filter((each) => each !== id));
    }
    return assert.fail(`task ${taskId} does not end: ${JSON.stringify(await tasks.getTask(taskId))}`);
  }

  return {
    ...region_,
    host,
    finish,
    async database(name) {
      const { task } = await databases.createDatabase(newDatabase(accountId, name), theService);
      assert.equal((await finish(task.id)).state, 'succeeded');
      return (await databases.getDatabase(accountId, name, { fresh: true }))!;
    },
    async task(kind, subject, params = {}, choice = {}) {
      const { id } = await tasks.createTask({ kind, subject, params, requestedBy: theService });
      return finish(id, choice);
    },
    async restore(name, params, of, volumes = of.volumes) {
      const restore = { backup: '', databaseId: of.id, region, until: null, ...params };
      const made = await databases.createDatabase({ ...newDatabase(accountId, name), volumes, restore }, theService);
      const task = await finish(made.task.id);
      return { task, database: (await databases.getDatabase(accountId, name, { fresh: true }))! };
    },
    async within(database, work) {
      const engine = await connect(database);
      try {
        return await work(engine);
      } finally {
        await engine.close();
      }
    },
  };
}

/** Points of some days: floats, longs, strings, booleans, some not given. */
export function somePoints(days: number, from = 0): Point[] {
  return Array.from({ length: days * 40 }, (_, i) =>
    point('cpu', { host: `h${i % 5}` }, BigInt(from + (i % days)) * dayNs + BigInt(i), {
      f: i / 7,
      ...(i % 2 === 0 && { l: BigInt(i) * 10n ** 15n }),
      ...(i % 3 === 0 && { s: `text ${i}`, b: i % 2 === 0 }),
    }),
  );
}

export async function insert(engine: Engine, points: readonly Point[]): Promise<void> {
  await engine.insert(batchOf(points));
}

/** All points of the series, as text. */
export async function contents(engine: Engine, series = 'cpu'): Promise<string[]> {
  const result = await engine.query(queryOf(series, { fromNs: 0n, toNs: 2n ** 62n, limit: 100_000 }));
  return rowsOf(result)
    .map((row) => row.map(String).join('|'))
    .toSorted();
}
