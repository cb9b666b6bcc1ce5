import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { SchemaMode } from '../../src/kdb/engine.ts';

export interface DatabaseProcess {
  readonly child: ChildProcess;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly config: string;
  /** Lines of its standard error. */
  readonly log: readonly string[];
  stop(signal?: NodeJS.Signals): Promise<void>;
}

/** As the host agent starts it. */
export interface DatabaseCommand {
  readonly program: string;
  /** With the path of its configuration. */
  readonly args: (config: string) => readonly string[];
  readonly stdin: 'pipe' | 'ignore';
}

const embedded: DatabaseCommand = {
  program: process.execPath,
  args: (config) => [join(import.meta.dirname, '../../kdb/embedded/main.ts'), '--config', config],
  stdin: 'pipe',
};

/** Rejects with its last log line when it does not start. */
export async function startDatabase(
  volumes: readonly string[],
  schema: SchemaMode,
  { program, args, stdin }: DatabaseCommand = embedded,
  wantedPort = 0,
): Promise<DatabaseProcess> {
  const folder = mkdtempSync(join(tmpdir(), 'tsg-config-'));
  const config = join(folder, 'config.json');
  const login = { user: 'u', password: 'p' };
  writeFileSync(
    config,
    JSON.stringify({
      databaseId: 'd',
      host: '127.0.0.1',
      port: wantedPort,
      ...login,
      schema,
      volumes,
      maxTagSets: null,
      memoryMb: null,
      maxSeries: null,
      heldBy: null,
    }),
    {
      mode: 0o600,
    },
  );
  const child = spawn(program, args(config), { stdio: [stdin, 'pipe', 'pipe'] });
  // It may read its configuration again at any time.
  const ended = once(child, 'exit').finally(() => rmSync(folder, { recursive: true }));
  const log: string[] = [];
  createInterface({ input: child.stderr! }).on('line', (line) => log.push(line));
  const port = await new Promise<number>((resolve, reject) => {
    createInterface({ input: child.stdout! }).on('line', (line) => {
      const listening = /^listening (\d+)$/.exec(line);
      if (listening) resolve(Number(listening[1]));
    });
    void ended.then(([code]) => reject(new Error(`exit code ${code}: ${log.at(-1)}`)));
  });
  return {
    child,
    port,
    ...login,
    config,
    log,
    async stop(signal = 'SIGTERM') {
      child.kill(signal);
      await ended;
    },
  };
}
