// kdb/q as the host agent starts it, by whatever plays q.
import { join } from 'node:path';
import { after } from 'node:test';
import { createEngineClient, type EngineClient } from '../../src/kdb/client.ts';
import type { SchemaMode } from '../../src/kdb/engine.ts';
import { skipped } from '../programs.ts';
import { engineBehaves } from './behaviour.ts';
import { type DatabaseProcess, startDatabase } from './database-process.ts';
import { volumesFor } from './store-in-temp.ts';

const script = join(import.meta.dirname, '../../kdb/q/tsg.q');
/** Our interpreter of q. */
export const interpreter = join(import.meta.dirname, '../kdb/q/interpreter/q');

/** The writer alone: it answers every call. */
export function startWriter(
  program: string,
  volumes: readonly string[],
  schema: SchemaMode = 'flexible',
): Promise<DatabaseProcess> {
  const args = (config: string) => [script, '-config', config, '-role', 'writer', '-T', '30', '-q'];
  return startDatabase(volumes, schema, { program, args, stdin: 'ignore' });
}

/** The behaviour suite, with one writer per mode for all of it: starting one takes longer than most tests. */
export function qBehaves(name: string, program: string | undefined): void {
  const cleanups: (() => unknown)[] = [];
  after(async () => {
    for (const clean of cleanups.reverse()) await clean();
  });
  const start = async (q: string, schema: SchemaMode): Promise<EngineClient> => {
    const volumes = volumesFor({ after: (clean) => cleanups.push(clean as () => unknown) }, 2);
    const running = await startWriter(q, volumes, schema);
    cleanups.push(() => running.stop());
    const client = clientOf(running);
    cleanups.push(() => client.close());
    return client;
  };
  const shared = new Map<SchemaMode, Promise<EngineClient>>();
  engineBehaves(name, async (t, schema) => {
    if (!program) {
      skipped(t, 'TSG_Q=/path/to/q npm run test:kdb');
      return null;
    }
    if (!shared.has(schema)) shared.set(schema, start(program, schema));
    return shared.get(schema)!;
  });
}

export const clientOf = ({ port, user, password }: DatabaseProcess): EngineClient =>
  createEngineClient({ host: '127.0.0.1', port, user, password });
