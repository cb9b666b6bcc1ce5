// kdb/q as the host agent starts it, by whatever plays q.
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { after, type TestContext } from 'node:test';
import { createEngineClient, type EngineClient } from '../../src/kdb/client.ts';
import type { SchemaMode } from '../../src/kdb/engine.ts';
import { skipped } from '../programs.ts';
import { engineBehaves } from './behaviour.ts';
import { type DatabaseProcess, startDatabase } from './database-process.ts';
import { volumesFor } from './store-in-temp.ts';

const script = join(import.meta.dirname, '../../kdb/q/tsg.q');
/** Our interpreter of q. */
export const interpreter = join(import.meta.dirname, '../kdb/q/interpreter/q');

interface QOptions {
  readonly schema?: SchemaMode;
  /** Of a copy of the scripts, see scriptsWith. */
  readonly main?: string;
  /** Of the writer. */
  readonly port?: number;
  readonly role?: readonly string[];
  /** -w */
  readonly workspaceMb?: number;
}

/** A writer, which answers every call, unless another role is asked for. */
export function startQ(
  program: string,
  volumes: readonly string[],
  { schema = 'flexible', main = script, port = 0, role = ['writer'], workspaceMb = 0 }: QOptions = {},
): Promise<DatabaseProcess> {
  const limits = ['-T', '30', '-w', String(workspaceMb)];
  const args = (config: string) => [main, '-config', config, '-role', ...role, ...limits, '-q'];
  return startDatabase(volumes, schema, { program, args, stdin: 'ignore' }, port);
}

/** A writer that has readers is known to them by its configuration. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** The main script of a copy of the scripts in which settings have other values: name without .tsg -> q. */
export function scriptsWith(t: Pick<TestContext, 'after'>, settings: Record<string, string>): string {
  const folder = mkdtempSync(join(tmpdir(), 'tsg-q-'));
  t.after(() => rmSync(folder, { recursive: true }));
  cpSync(dirname(script), folder, { recursive: true });
  const path = join(folder, 'settings.q');
  let text = readFileSync(path, 'utf8');
  for (const [name, value] of Object.entries(settings)) {
    const line = new RegExp(`^\\.tsg\\.${name}:[^ ]*`, 'm');
    assert.match(text, line);
    text = text.replace(line, `.tsg.${name}:${value}`);
  }
  writeFileSync(path, text);
  return join(folder, basename(script));
}

/** Of the interpreters that have a role for a configuration. */
export function pidsOf(config: string, role: 'merge' | 'search'): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const args = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
        return args[0]!.includes('node') && args.includes(role) && args.includes(config);
      } catch {
        return false;
      }
    });
}

/** The behaviour suite, with one writer per mode for all of it: starting one takes longer than most tests. */
export function qBehaves(name: string, program: string | undefined): void {
  const cleanups: (() => unknown)[] = [];
  after(async () => {
    for (const clean of cleanups.reverse()) await clean();
  });
  const start = async (q: string, schema: SchemaMode): Promise<EngineClient> => {
    const volumes = volumesFor({ after: (clean) => cleanups.push(clean as () => unknown) }, 2);
    const running = await startQ(q, volumes, { schema });
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
