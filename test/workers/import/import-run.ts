// An import in hand: a database in this process, an object store in a folder, and whatever a worker would do for it.

import { mkdirSync } from 'node:fs';
import type { TestContext } from 'node:test';
import type { Store } from '../../../kdb/embedded/store.ts';
import type { ObjectStore } from '../../../src/base/object-store.ts';
import { DirectoryStore } from '../../../src/base/objects/directory.ts';
import { endOfTimeNs, minTimeNs } from '../../../src/base/time.ts';
import type { TimeLimits } from '../../../src/ingest/allowed-times.ts';
import type { ImportParams } from '../../../src/ingest/import.ts';
import type { QueryResult } from '../../../src/kdb/engine.ts';
import { type DownloadLimits, publicDownloads } from '../../../workers/import/download.ts';
import { importKind } from '../../../workers/kinds/import.ts';
import { Permanent, type TaskRun } from '../../../workers/kinds/kind.ts';
import { openStore, volumesFor } from '../../engines/store-in-temp.ts';
import { silent } from '../../management/region.ts';
import { temporaryFolder } from '../../servers.ts';

export const createdAt = '2026-01-01T00:00:00.000Z';
const database = {
  id: 'db-1',
  accountId: 'a1',
  name: 'plant',
  status: 'active',
  schema: 'flexible',
  endpoint: { host: 'h', port: 1 },
  retentionDays: null,
  futureHours: null,
};

export interface ImportBench {
  readonly store: Store;
  readonly objects: ObjectStore;
  /** Puts a file where imports may read, and imports it. */
  readonly importFile: (
    name: string,
    bytes: Buffer,
    params?: Partial<ImportParams>,
    options?: RunOptions,
  ) => Promise<ImportReply>;
  readonly run: (params: ImportParams, options?: RunOptions) => Promise<ImportReply>;
  /** Points that usage has of it. */
  readonly counted: () => number;
  readonly points: (series: string) => Promise<object[]>;
  readonly text: (key: string) => Promise<string>;
}

// biome-ignore lint/suspicious/noExplicitAny: tests look into results of every shape
export type ImportReply = any;

export interface RunOptions {
  readonly taskId?: string;
  readonly limits?: DownloadLimits;
  readonly checkpoint?: { value: unknown };
  /** Instead of the database's. */
  readonly insert?: Store['insert'];
  readonly signal?: AbortSignal;
  readonly sliceOver?: () => boolean;
  /** Not its work, but what is done at its end. */
  readonly end?: 'giveUp' | 'cancel';
  /** Of the database. */
  readonly times?: Partial<TimeLimits>;
}

export async function importBench(t: TestContext): Promise<ImportBench> {
  const store = await openStore(volumesFor(t, 2));
  t.after(() => store.close());
  const folder = temporaryFolder();
  t.after(folder.remove);
  mkdirSync(folder.path, { recursive: true });
  const objects = new DirectoryStore({ path: folder.path, link: () => 'http://link' });
  let tasks = 0;
  let counted = 0;

  const run: ImportBench['run'] = async (params, options = {}) => {
    const { taskId = `t-${++tasks}`, limits = publicDownloads, checkpoint = { value: null }, insert } = options;
    const engine = new Proxy(store, {
      get: (target, name) => {
        if (name === 'close') return async () => {};
        if (name === 'insert' && insert) return insert;
        const value = Reflect.get(target, name) as unknown;
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    const management = {
      clock: () => Date.parse(createdAt) + 1_000,
      databases: { getDatabase: async () => ({ ...database, ...options.times }) },
      accounts: { findAccount: () => ({ plan: 'unlimited', limits: {}, overStorageBytes: null }) },
      series: { follow: async () => {} },
    };
    const task = { id: taskId, accountId: 'a1', databaseName: 'plant', databaseId: 'db-1', createdAt };
    const meter = { addPoints: (_: unknown, points: number) => (counted += points) };
    const kind = importKind(limits);
    const taskRun = {
      ...{ task, params, checkpoint: structuredClone(checkpoint.value), log: silent },
      services: { management, objects, connect: async () => engine, meter },
      signal: options.signal ?? new AbortController().signal,
      progress: () => {},
      saveCheckpoint: async (value: unknown) => {
        checkpoint.value = structuredClone(value);
      },
      sliceOver: options.sliceOver ?? (() => false),
    } as unknown as TaskRun<ImportParams, never>;
    if (options.end) return kind[options.end]!(taskRun);
    try {
      return await kind.run(taskRun);
    } catch (error) {
      if (error instanceof Permanent) await kind.giveUp(taskRun);
      throw error;
    }
  };

  return {
    store,
    objects,
    run,
    counted: () => counted,
    async importFile(name, bytes, params = {}, options = {}) {
      await objects.put(`imports/db-1/${name}`, bytes);
      return run({ source: { object: name }, ...params }, options);
    },
    async points(series) {
      const result = await store.query({
        ...{ series, fromNs: minTimeNs, toNs: endOfTimeNs, where: null, by: [], bucket: null, select: [], fields: [] },
        ...{ order: 'asc', limit: 1_000_000, cut: false, after: null },
      });
      return rowsOf(result);
    },
    async text(key) {
      const chunks: Buffer[] = [];
      for await (const chunk of await objects.get(key)) chunks.push(chunk as Buffer);
      return Buffer.concat(chunks).toString();
    },
  };
}

/** Without what is null. */
function rowsOf({ columns, rows }: QueryResult): object[] {
  return Array.from({ length: rows }, (_, i) =>
    Object.fromEntries(
      columns.flatMap((column): [string, unknown][] => {
        const { name, kind } = column;
        if (kind === 'tag') {
          const value = column.dictionary[column.index[i]!]!;
          return value === '' ? [] : [[name, value]];
        }
        if (kind === 'string') {
          if (column.validity !== null && column.validity[i] === 0) return [];
          const start = column.values.lengths.subarray(0, i).reduce((sum, length) => sum + length, 0);
          const bytes = column.values.bytes.subarray(start, start + column.values.lengths[i]!);
          return [[name, Buffer.from(bytes).toString()]];
        }
        const value = column.values[i]!;
        const isNull =
          kind === 'float'
            ? Number.isNaN(value)
            : kind === 'long'
              ? value === -(2n ** 63n)
              : kind === 'boolean' && value === 2;
        return isNull ? [] : [[name, kind === 'boolean' ? value === 1 : value]];
      }),
    ),
  );
}
