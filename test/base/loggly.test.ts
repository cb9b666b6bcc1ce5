// Lines go to a real HTTPS server, from a process of their own, as a service's do.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { requireProgram } from '../programs.ts';
import { temporaryFolder } from '../servers.ts';

const logModule = join(import.meta.dirname, '..', '..', 'src', 'base', 'log.ts');
const token = 'token-that-nobody-may-read';

interface Loggly {
  readonly paths: Set<string>;
  /** Of the requests that were taken. */
  readonly lines: Record<string, unknown>[];
  /** Runs `program` with a log that ships here; its `taken` is resolved when the line of that number is. Resolves with what it wrote to standard error. */
  run(program: string, awaited?: number): Promise<string>;
}

/** `answer` gives the status of each request in its turn; undefined: no answer. */
async function startLoggly(t: TestContext, answer: (turn: number) => number | undefined): Promise<Loggly | undefined> {
  if (!requireProgram(t, 'openssl', 'apt-get install openssl')) return undefined;
  const { path, remove } = temporaryFolder();
  const [key, cert] = [join(path, 'key.pem'), join(path, 'cert.pem')];
  const wanted = 'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=localhost';
  const made = spawnSync('openssl', [
    ...wanted.split(' '),
    '-addext',
    'subjectAltName=IP:127.0.0.1',
    '-keyout',
    key,
    '-out',
    cert,
  ]);
  assert.equal(made.status, 0, String(made.stderr));
  const paths = new Set<string>();
  const lines: Record<string, unknown>[] = [];
  let turn = 0;
  let told = (): unknown => undefined;
  const server: Server = createServer(
    { key: readFileSync(key), cert: readFileSync(cert) },
    async (request, response) => {
      paths.add(`${request.method} ${request.url}`);
      const body = Buffer.concat(await request.toArray()).toString();
      const status = answer(turn++);
      if (status === undefined) return;
      if (status === 200) lines.push(...body.split('\n').map((line) => JSON.parse(line)));
      response.writeHead(status).end();
      told();
    },
  ).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
    remove();
  });
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    paths,
    lines,
    async run(program, awaited) {
      const open = `
        const { createLog, flushLog, logAtOnce } = await import(${JSON.stringify(logModule)});
        const taken = new Promise((resolve) => process.stdin.once('end', resolve).resume());
        const log = createLog('api', 'info', ${JSON.stringify({ url, token })});
      `;
      const child = spawn(process.execPath, ['--input-type=module', '-e', open + program], {
        env: { ...process.env, NODE_EXTRA_CA_CERTS: cert },
        stdio: ['pipe', 'ignore', 'pipe'],
        timeout: 60_000,
      });
      child.stdin.on('error', () => {});
      told = () => lines.some(({ i }) => i === awaited) && child.stdin.end();
      const [output, [code]] = await Promise.all([child.stderr.toArray(), once(child, 'exit')]);
      const stderr = Buffer.concat(output).toString();
      assert.equal(code, 7, stderr);
      assert.ok(!stderr.includes(token));
      return stderr;
    },
  };
}

test('lines arrive in order, also after answers that are none; the token is only in the address', async (t) => {
  const loggly = await startLoggly(t, (turn) => (turn < 2 ? 503 : 200));
  if (!loggly) return;
  const stderr = await loggly.run(
    `
    for (let i = 0; i < 3; i++) log.info('line', { i });
    logAtOnce(log, { level: 'info', message: 'line', i: 3 });
    await taken;
    log.info('line', { i: 4 });
    await flushLog(log);
    process.exit(7);
  `,
    3,
  );
  assert.deepEqual([...loggly.paths], [`POST /bulk/${token}/tag/tsg-api/`]);
  const numbers = loggly.lines.filter(({ message }) => message === 'line').map(({ i }) => i);
  assert.deepEqual(numbers, [0, 1, 2, 3, 4]);
  assert.match(stderr, /"reason":"status 503".*Loggly does not take lines/);
});

test('one that never answers holds up neither lines nor the stop', async (t) => {
  const loggly = await startLoggly(t, () => undefined);
  if (!loggly) return;
  const stderr = await loggly.run(`
    log.info('line');
    const startedMs = performance.now();
    await flushLog(log);
    log.info('flushed', { tookMs: performance.now() - startedMs });
    process.exit(7);
  `);
  const flushed = JSON.parse(stderr.trimEnd().split('\n').at(-1)!);
  // Two seconds, on a machine that may be busy; a request alone would have ten.
  assert.ok(flushed.tookMs < 8_000, stderr);
});

test('what waits is bounded: the oldest lines go, and are counted', async (t) => {
  const loggly = await startLoggly(t, (turn) => (turn < 1 ? 503 : 200));
  if (!loggly) return;
  const stderr = await loggly.run(
    `
    log.remove(log.transports[0]);
    const long = 'x'.repeat(100_000);
    for (let i = 0; i < 200; i++) log.info(long, { i });
    process.stderr.write('logged\\n');
    await taken;
    await flushLog(log);
    process.exit(7);
  `,
    199,
  );
  assert.equal(stderr, 'logged\n');
  const numbers = loggly.lines.flatMap(({ i }) => (typeof i === 'number' ? [i] : []));
  const dropped = loggly.lines.find(({ message }) => message === 'Loggly takes lines again')!['dropped'];
  assert.equal(numbers.at(-1), 199);
  assert.ok(numbers.length < 200);
  assert.equal(dropped, 200 - numbers.length);
});
