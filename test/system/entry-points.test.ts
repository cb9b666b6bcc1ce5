// What whoever starts a process reads when its environment is wrong: one line, and no stack.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryFolder } from '../servers.ts';

const least = {
  TSG_REGION: 'eu-west-1',
  TSG_ZONE: 'eu-west-1a',
  TSG_REGION_ENDPOINTS: 'eu-west-1=http://127.0.0.1:1',
  TSG_OBJECT_STORE: 's3://objects',
  TSG_AGENT_SECRET: 'secret',
  TSG_HOST_ID: 'h1',
  TSG_VOLUMES: '/v0',
  // Nobody is there.
  TSG_DYNAMODB_ENDPOINT: 'http://127.0.0.1:1',
  TSG_SQS_ENDPOINT: 'http://127.0.0.1:1',
  AWS_ACCESS_KEY_ID: 'x',
  AWS_SECRET_ACCESS_KEY: 'x',
  AWS_MAX_ATTEMPTS: '1',
};

const refused: readonly (readonly [file: string, env: Record<string, string>, line: RegExp])[] = [
  ['src/main.ts', { TSG_REGION: '' }, /^TSG_REGION is not set$/],
  ['src/main.ts', { PORT: '80x' }, /^PORT is 80x; it must be an integer from 0 to 65535$/],
  ['workers/main.ts', { TSG_AGENT_SECRET: '' }, /^TSG_AGENT_SECRET is not set$/],
  ['workers/replicator.ts', { TSG_LOG_LEVEL: 'loud' }, /^TSG_LOG_LEVEL is loud; it must be one of error, warn, info,/],
  ['kdb/agent/main.ts', { TSG_VOLUMES: 'v0,v1' }, /^TSG_VOLUMES is v0,v1; it must be a list of absolute paths$/],
];

for (const [file, env, line] of refused) {
  test(`${file} refuses ${JSON.stringify(env)}`, async () => {
    const { code, stderr } = await start(file, env);
    assert.equal(code, 1);
    assert.match(stderr.trimEnd(), line);
    assert.equal(stderr.split('\n').length, 2, stderr);
  });
}

test('a worker whose metrics port is taken', async (t) => {
  const other = createServer().listen(0, '127.0.0.1');
  t.after(() => other.close());
  await once(other, 'listening');
  const { port } = other.address() as AddressInfo;
  const { code, stderr } = await start('workers/main.ts', { TSG_METRICS_PORT: String(port) });
  assert.deepEqual([code, stderr], [1, `listen EADDRINUSE: address already in use 127.0.0.1:${port}\n`]);
});

test('an agent none of whose volumes is there', async (t) => {
  const folder = temporaryFolder();
  t.after(folder.remove);
  const { code, stderr } = await start('kdb/agent/main.ts', { TSG_VOLUMES: join(folder.path, 'absent') });
  assert.equal(code, 1);
  assert.match(stderr, /^no volume can be used: .*absent/m);
  assert.doesNotMatch(stderr, /\n +at /);
});

async function start(file: string, env: Record<string, string>): Promise<{ code: number | null; stderr: string }> {
  const child = spawn(process.execPath, [join(import.meta.dirname, '..', '..', file)], {
    env: { PATH: process.env['PATH'], ...least, ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: 60_000,
  });
  const [output, [code]] = await Promise.all([child.stderr.toArray(), once(child, 'exit')]);
  return { code, stderr: Buffer.concat(output).toString() };
}
