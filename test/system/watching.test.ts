// One region, as those see it who watch over it: its canary, collectd, New Relic.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import winston from 'winston';
import { newRelic } from '../../src/base/names.ts';
import { Canary } from '../../workers/canary-rounds.ts';
import { findProgram, requireProgram } from '../programs.ts';
import { freePort, temporaryFolder } from '../servers.ts';
import { until } from '../until.ts';
import { type Collector, startCollector } from './new-relic-collector.ts';
import { type LocalRegion, startRegion } from './region.ts';
import { Service } from './service.ts';

const root = join(import.meta.dirname, '..', '..');
const licenseKey = 'license-key-that-has-forty-characters-00';
const folder = temporaryFolder();

let collector: Collector | undefined;
let region: LocalRegion;
let service: Service;

before(async () => {
  if (findProgram('openssl')) collector = await startCollector(folder.path);
  const env = collector && {
    [newRelic.licenseKey]: licenseKey,
    NEW_RELIC_HOST: 'localhost',
    NEW_RELIC_PORT: String(collector.port),
    NODE_EXTRA_CA_CERTS: collector.certificate,
  };
  region = await startRegion({ ...(env && { env }) });
  service = new Service(region.url, region.adminToken);
});
after(async () => {
  await region?.stop();
  collector?.close();
  folder.remove();
});

/** The region's API, from which answers to queries come as `change` has them. */
async function changedAnswers(t: TestContext, change: (body: string) => string): Promise<string> {
  const server = createServer(async (request, response) => {
    const body = Buffer.concat(await request.toArray());
    const reply = await fetch(region.url + request.url, {
      method: request.method!,
      headers: { Authorization: request.headers.authorization!, 'Content-Type': request.headers['content-type'] ?? '' },
      ...(body.length > 0 && { body }),
    });
    const text = await reply.text();
    response.writeHead(reply.status).end(request.url!.includes('/query?') ? change(text) : text);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test('the canary sees what is right, what is wrong, and that there is no answer', async (t) => {
  const options = {
    ...{ url: region.url, token: region.adminToken, database: 'canary', name: 'test' },
    log: winston.createLogger({ silent: true }),
    timeoutMs: 60_000,
  };
  const canary = new Canary(options);
  assert.deepEqual(canary.takeFigures(), { canaryFailures: undefined, canarySeconds: undefined });
  assert.equal(await canary.round(), 'ok');
  assert.equal(await canary.round(), 'ok');
  assert.equal(canary.takeFigures()['canaryFailures'], 0);

  const forged = async (change: (body: string) => string): Promise<string> =>
    new Canary({ ...options, url: await changedAnswers(t, change) }).round();
  assert.equal(await forged((body) => body), 'ok');
  assert.equal(await forged((body) => body.replace('true', 'false').replace('" = ', '" - ')), 'comparison');
  assert.equal(await forged((body) => JSON.stringify({ ...JSON.parse(body), rows: [] })), 'comparison');
  assert.equal(await forged(() => '<html>'), 'read');

  const hasty = new Canary({ ...options, timeoutMs: 1_000 });
  const [database] = Object.values(region.pids().databases);
  process.kill(database!, 'SIGSTOP');
  try {
    assert.notEqual(await hasty.round(), 'ok');
  } finally {
    process.kill(database!, 'SIGCONT');
  }
  assert.equal(hasty.takeFigures()['canaryFailures'], 1);
  assert.equal(await canary.round(), 'ok');
  assert.deepEqual(canary.rounds, { ok: 3, prepare: 0, write: 0, read: 0, comparison: 0 });
  assert.notEqual(await new Canary({ ...options, token: 'wrong' }).round(), 'ok');
});

test('the canary as a program: its figures', async (t) => {
  const port = await freePort();
  const child = spawn(process.execPath, [join(root, 'workers/canary.ts')], {
    env: {
      ...region.environment(),
      ...{ TSG_CANARY_TOKEN: region.adminToken, TSG_METRICS_PORT: String(port), TSG_CLOUDWATCH_FIGURES: '1' },
    },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let lines = '';
  child.stderr.on('data', (data: Buffer) => (lines += data));
  const ended = once(child, 'exit');
  t.after(() => child.kill('SIGKILL'));
  const metrics = await until(
    'a round',
    async () => {
      const text = await fetch(`http://127.0.0.1:${port}/metrics`).then(
        (reply) => reply.text(),
        () => '',
      );
      return /^tsg_canary_rounds_total\{outcome="ok".*\} [1-9]/m.test(text) && text;
    },
    60_000,
  );
  assert.match(metrics, /^tsg_canary_seconds\{by="canary".*\} \d/m);
  child.kill('SIGTERM');
  const [code] = await ended;
  assert.equal(code, 0, lines);
  assert.ok(!lines.includes(region.adminToken));
});

test('New Relic hears of routes, tasks and engine calls, and of no token and no value', async (t) => {
  if (!requireProgram(t, 'openssl', 'apt-get install openssl')) return;
  await service.database('plant');
  const write = (line: string) => service.ask('/v1/databases/plant/write', { body: line });
  assert.equal((await write('pumps,site=hidden-site v=123456.789,s="hidden-text" 1')).status, 200);
  assert.equal((await write('pumps,site=hidden-site v="hidden-clash" 1')).status, 400);
  await service.rows('plant', 'pumps', { where: 'site=hidden-site' });
  const secrets = [region.adminToken, region.agentSecret];
  // Each process sends what it has when it stops.
  await region.stop();

  const { received } = collector!;
  const named = (names: readonly string[]): string[] => names.flatMap((name) => received.get(name) ?? []);
  const metrics = named(['metric_data']).join('\n');
  for (const name of [
    'WebTransaction/Custom/write',
    'WebTransaction/Custom/query',
    'OtherTransaction/task/provision',
    'Custom/engine/.tsg.insert',
    'Custom/engine/.tsg.query',
  ])
    assert.ok(metrics.includes(`"${name}"`), name);
  const apps = named(['connect']).flatMap((body) => JSON.parse(body)[0].app_name);
  assert.deepEqual(new Set(apps), new Set(['tsg-api', 'tsg-worker', 'tsg-replicator']));
  for (const [method, bodies] of received)
    for (const body of bodies)
      for (const hidden of ['hidden-', '123456.789', ...secrets])
        assert.ok(!body.includes(hidden), `${method}: ${hidden}`);
});
