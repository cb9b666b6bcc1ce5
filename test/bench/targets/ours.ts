import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { readRun } from '../../../infra/local/run-file.ts';
import { findHomes } from '../../../kdb/agent/home.ts';
import { createEngineClient } from '../../../src/kdb/client.ts';
import type { NodeProcess } from '../debugger.ts';
import { diskBytes } from '../disk.ts';
import { get, type Message, post, put } from '../http.ts';
import { once } from '../load.ts';
import { commandLine, processTree } from '../processes.ts';
import { Program } from '../program.ts';
import type { Query } from '../shapes.ts';
import { type Answer, type StartTarget, sumUp, type Target } from './target.ts';

/** The column of the table that the others are compared with. */
export const ours = 'ours';

const root = join(import.meta.dirname, '..', '..', '..');
const database = '/v1/databases/bench';
const readyTimeoutMs = 60_000;
/** Seldom enough not to count. */
const lookEveryMs = 100;

interface Made {
  readonly task: { readonly id: string; readonly state: string; readonly error: string | null };
}

/** A whole region, as `npm start` runs it; asked through its public API alone, but for the checkpoint. */
export function startOurs({ volumes }: { readonly volumes: number }): StartTarget {
  return async (folder) => {
    const dataDir = join(folder, 'data');
    mkdirSync(dataDir);
    const env = {
      PORT: '0',
      TSG_DATA_DIR: dataDir,
      TSG_STOP_WITH_PARENT: '1',
      // The port for a debugger (profiler.ts), should one be asked for: any, since several processes may be.
      NODE_OPTIONS: '--inspect-port=0',
    };
    let program = await start();
    let address = apiAddress(dataDir);
    const headers = { Authorization: `Bearer ${readFileSync(join(dataDir, 'admin-token'), 'utf8').trim()}` };
    const ask = async (message: Message): Promise<unknown> =>
      JSON.parse((await once(address, message)).body.toString());

    async function start(): Promise<Program> {
      const launcher = join(root, 'infra', 'local', 'main.ts');
      const started = new Program('the region', [process.execPath, launcher], { logPath: join(folder, 'log'), env });
      await started.ready(async () => {
        if (!readRun(dataDir)?.ready) throw new Error('not ready yet');
      });
      return started;
    }

    async function databaseActive(): Promise<void> {
      for (const deadline = Date.now() + readyTimeoutMs; ; await delay(50)) {
        const reply = (await ask(get(database, headers))) as { database: { status: string } };
        if (reply.database.status === 'active') return;
        if (Date.now() > deadline) throw new Error(`the database is still ${reply.database.status}`);
      }
    }

    /** After a restart the database process starts beside the API. */
    async function databaseAnswers(): Promise<void> {
      for (const deadline = Date.now() + readyTimeoutMs; ; await delay(50)) {
        try {
          await ask(get(`${database}/series`, headers));
          return;
        } catch (error) {
          if (Date.now() > deadline) throw error;
        }
      }
    }

    async function upload(file: Buffer, params: object): Promise<() => Promise<number>> {
      const imports = `${database}/imports`;
      const body = Buffer.from(JSON.stringify({ source: { upload: true }, ...params }));
      const made = (await ask(post(imports, { ...headers, 'Content-Type': 'application/json' }, body))) as Made;
      const { id } = made.task;
      await ask(put(`${imports}/${id}/parts/1`, headers, file));
      return async () => {
        const startMs = performance.now();
        await ask(post(`${imports}/${id}/start`, headers, Buffer.alloc(0)));
        for (;;) {
          const { state, error } = ((await ask(get(`/v1/tasks/${id}`, headers))) as Made).task;
          if (state === 'succeeded') return (performance.now() - startMs) / 1_000;
          if (state === 'failed') throw new Error(`the import failed: ${error}`);
          await delay(lookEveryMs);
        }
      };
    }

    /** The one thing that is no user's business: it goes to the database process. */
    async function checkpoint(): Promise<void> {
      for (const { host, port, user, password } of await homes(dataDir)) {
        const engine = createEngineClient({ host, port, user, password });
        await engine.checkpoint().finally(() => engine.close());
      }
    }

    await ask(
      post(
        '/v1/databases',
        { ...headers, 'Content-Type': 'application/json' },
        Buffer.from(JSON.stringify({ name: 'bench', volumes })),
      ),
    );
    await databaseActive();
    const writeHeaders = { ...headers, 'Content-Type': 'text/plain' };
    return {
      name: ours,
      get address() {
        return address;
      },
      pids: () => processTree(program.pid),
      profiled: () => namedProcesses(processTree(program.pid)),
      write: (body) => post(`${database}/write`, writeHeaders, body),
      upload,
      query: (query) => get(queryPath(query), headers),
      noOp: get(database, headers),
      answer: readAnswer,
      rest: async () => {},
      flush: checkpoint,
      diskBytes: () => diskBytes(hostDirectory(dataDir)),
      async restart() {
        await program.stop();
        program = await start();
        address = apiAddress(dataDir);
        await databaseAnswers();
      },
      stop: () => program.stop(),
    } satisfies Target;
  };
}

const names: Readonly<Record<string, string>> = { src: 'api', workers: 'worker', 'kdb/embedded': 'database' };

function namedProcesses(pids: readonly number[]): NodeProcess[] {
  return pids.flatMap((pid) => {
    const script = /(src|workers|kdb\/embedded)\/main\.ts/.exec(commandLine(pid))?.[1];
    return script === undefined ? [] : [{ name: names[script]!, pid }];
  });
}

function apiAddress(dataDir: string): { host: string; port: number } {
  const { hostname, port } = new URL(Object.values(readRun(dataDir)!.urls)[0]!);
  return { host: hostname, port: Number(port) };
}

function hostDirectory(dataDir: string): string {
  return join(dataDir, 'regions', Object.keys(readRun(dataDir)!.urls)[0]!, 'host');
}

function homes(dataDir: string): ReturnType<typeof findHomes> {
  const volumes = Array.from({ length: 16 }, (_, volume) => join(hostDirectory(dataDir), `v${volume}`));
  return findHomes(volumes, (error) => {
    throw error;
  });
}

function queryPath({ shape, fields, hosts, fromS, untilS }: Query): string {
  const { op, bucketS, byHost } = shape;
  const where = hosts ? { where: `hostname=${hosts.join(',')}` } : {};
  const field = fields.join(',');
  if (op === 'last') return `${database}/series/cpu/latest?${new URLSearchParams({ field, ...where })}`;
  const parameters = {
    from: String(fromS),
    until: String(untilS),
    aggregation: op,
    'interval-sec': String(bucketS),
    field,
    ...where,
    ...(byHost && { 'group-by': 'hostname' }),
  };
  return `${database}/series/cpu/query?${new URLSearchParams(parameters)}`;
}

interface Reply {
  readonly columns: readonly { readonly type: string }[];
  readonly rows: readonly (readonly (number | string | null)[])[];
}

function readAnswer(body: Buffer): Answer {
  const { columns, rows } = JSON.parse(body.toString()) as Reply;
  const isValue = columns.map(({ type }) => type !== 'timestamp' && type !== 'tag');
  return sumUp(
    rows.flatMap((row) =>
      row.filter((_, column) => isValue[column]).map((value) => (value === null ? null : Number(value))),
    ),
  );
}
