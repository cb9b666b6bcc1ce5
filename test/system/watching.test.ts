// One region, as those see it who watch over it: its canary, collectd, New Relic.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, statSync, writeFileSync } from 'node:fs';
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
import { commandLine } from './processes.ts';
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

test('collectd writes what it sees of this machine, and what processes show, into a database', async (t) => {
  if (!requireProgram(t, 'collectd', 'apt-get install collectd-core libyajl2')) return;
  const scripts = join(root, 'infra', 'collectd');
  await service.database('ops');
  const made = await service.ask('/v1/tokens', { body: { name: 'collectd', scopes: ['write'], databases: ['ops'] } });
  assert.equal(made.status, 201, made.text);
  const { path, remove } = temporaryFolder();
  // collectd's program is nobody.
  chmodSync(path, 0o711);
  const tokenFile = join(path, 'token');
  writeFileSync(tokenFile, `${made.json.secret}\n`, { mode: 0o600 });
  const child = spawn(join(scripts, 'start.sh'), {
    env: {
      PATH: process.env['PATH'],
      ...{ TSG_OPS_URL: region.url, TSG_OPS_TOKEN_FILE: tokenFile, TSG_OPS_FOLDER: join(path, 'collectd') },
      ...{ TSG_OPS_METRICS: `api=${region.url}/metrics gone=http://127.0.0.1:1/metrics` },
      ...{ TSG_OPS_INTERVAL_S: '1', TSG_OPS_HOST: 'machine' },
    },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (data: Buffer) => (said += data));
  const ended = once(child, 'exit');
  t.after(async () => {
    child.kill('SIGTERM');
    await ended;
    remove();
  });
  const newest = async (series: string, where: Record<string, string>): Promise<unknown> => {
    const all = new URLSearchParams(Object.entries(where).map((entry): [string, string] => ['where', entry.join('=')]));
    const reply = await service.ask(`/v1/databases/ops/series/${series}/query?aggregation=last&${all}`);
    return reply.status === 200 && reply.json.rows.at(-1)?.at(-1);
  };
  const memory = { host: 'machine', plugin: 'memory', type_instance: 'free' };
  const bytes = await until(`memory (${said})`, () => newest('memory', memory), 60_000);
  assert.ok(Number(bytes) > 1e6);
  const api = { host: 'machine', plugin: 'tsg', plugin_instance: 'api' };
  const written = { ...api, type_instance: 'tsg_requests_total{route=createDatabase;status=202}' };
  const databases = Number(await until('the service itself', () => newest('tsg_counter', written), 60_000));
  assert.ok(databases >= 1);
  const up = (plugin_instance: string) => newest('tsg_gauge', { ...api, plugin_instance, type_instance: 'up' });
  await until('who answers, and who does not', async () => (await up('api')) === 1 && (await up('gone')) === 0);
  // Databases say every ten seconds what their syncs took.
  await until('a sync of a journal', async () =>
    /^tsg_database_sync_p99_seconds\{database="[^"]+".*\} \d/m.test(await region.metrics('agent')),
  );
  assert.ok(!said.includes(made.json.secret) && !commandLine(child.pid!).includes(made.json.secret));
  assert.equal(statSync(join(path, 'collectd', 'collectd.conf')).mode & 0o777, 0o600);
  if (!requireProgram(t, 'shellcheck', 'apt-get install shellcheck')) return;
  const checked = spawnSync('shellcheck', ['start.sh', 'service-metrics.sh'], { cwd: scripts, encoding: 'utf8' });
  assert.equal(checked.stdout, '');
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
