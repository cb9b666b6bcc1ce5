// The behaviour suite on real q: `TSG_Q=/opt/kx/q/l64/q npm run test:kdb`. Without TSG_Q it says what it could not run, and succeeds.
import { join } from 'node:path';
import { after } from 'node:test';
import { createEngineClient, type EngineClient } from '../../src/kdb/client.ts';
import type { SchemaMode } from '../../src/kdb/engine.ts';
import { skipped } from '../programs.ts';
import { engineBehaves } from './behaviour.ts';
import { type DatabaseCommand, startDatabase } from './database-process.ts';
import { volumesFor } from './store-in-temp.ts';

const program = process.env['TSG_Q'];

const cleanups: (() => unknown)[] = [];
after(async () => {
  for (const clean of cleanups.reverse()) await clean();
});
const shared = new Map<SchemaMode, Promise<EngineClient>>();

/** The writer alone answers every call. */
async function start(command: DatabaseCommand, schema: SchemaMode): Promise<EngineClient> {
  const volumes = volumesFor({ after: (clean) => cleanups.push(clean as () => unknown) }, 2);
  const { port, user, password, stop } = await startDatabase(volumes, schema, command);
  cleanups.push(() => stop());
  const client = createEngineClient({ host: '127.0.0.1', port, user, password });
  cleanups.push(() => client.close());
  return client;
}

engineBehaves('q', async (t, schema) => {
  if (!program) {
    skipped(t, 'TSG_Q=/path/to/q npm run test:kdb');
    return null;
  }
  const script = join(import.meta.dirname, '../../kdb/q/tsg.q');
  const args = (config: string) => [script, '-config', config, '-role', 'writer', '-T', '30', '-q'];
  if (!shared.has(schema)) shared.set(schema, start({ program, args, stdin: 'ignore' }, schema));
  return shared.get(schema)!;
});
