// The servers that tests speak to: the same programs as in a region on one machine, on free ports, in folders of their own.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildApp } from 'fauxqs';
import { stoppedWithParent } from '../infra/local/programs.ts';
import { until } from './until.ts';

const loopback = '127.0.0.1';

/** A test that ends in the middle leaves nothing behind; one that is killed neither, they end with their standard input. */
const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export interface TestServer {
  readonly endpoint: string;
  readonly stop: () => Promise<void>;
}

export interface TestProgram extends TestServer {
  readonly child: ChildProcess;
  /** Starts it again, after it was killed, on the same port and the same data. */
  readonly restart: () => Promise<void>;
}

/** DynamoDB. Without `folder`, in memory. */
export async function startDynoxide(folder?: string): Promise<TestProgram> {
  const platform = `${process.platform}-${process.arch}`;
  const program = join(import.meta.dirname, '..', 'node_modules', '@dynoxide', platform, 'dynoxide');
  const data = folder === undefined ? [] : ['--db-path', join(folder, 'dynamodb.sqlite')];
  return startProgram('http', (port) => [program, 'serve', '--host', loopback, '--port', String(port), ...data]);
}

/** A cache without persistence. */
export function startRedis(): Promise<TestProgram> {
  const quiet = ['--bind', loopback, '--save', '', '--appendonly', 'no', '--loglevel', 'warning'];
  return startProgram('redis', (port) => ['redis-server', '--port', String(port), ...quiet]);
}

/** SQS and SNS, in this process. */
export async function startFauxqs(port = 0): Promise<TestServer> {
  const app = buildApp({ logger: false, defaultRegion: 'eu-west-1' });
  const endpoint = await app.listen({ port, host: loopback });
  return { endpoint, stop: () => app.close() };
}

/** The same as a process of its own. */
export function startFauxqsProcess(): Promise<TestProgram> {
  return startProgram('http', (port) => [process.execPath, join(import.meta.dirname, 'fauxqs.ts'), String(port)]);
}

export function temporaryFolder(): { path: string; remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'tsg-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, loopback);
  await once(server, 'listening');
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address ? address.port : 0;
}

async function startProgram(scheme: string, command: (port: number) => readonly string[]): Promise<TestProgram> {
  const port = await freePort();
  const wanted = command(port);
  const [program, ...args] = stoppedWithParent(wanted) as [string, ...string[]];
  let child: ChildProcess;

  const start = async (): Promise<void> => {
    child = spawn(program, args, { stdio: ['pipe', 'ignore', 'ignore'] });
    child.stdin!.on('error', () => {});
    running.add(child);
    await until(`${wanted[0]} listens`, () => {
      if (child.exitCode !== null || child.signalCode !== null) throw new Error(`${wanted[0]} has ended`);
      return accepts(port);
    });
  };
  await start();
  return {
    endpoint: `${scheme}://${loopback}:${port}`,
    get child() {
      return child;
    },
    restart: async () => {
      await ended(child);
      await start();
    },
    stop: () => ended(child),
  };
}

async function ended(child: ChildProcess): Promise<void> {
  running.delete(child);
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, loopback);
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
