// What the log of an API has of requests, and what it never has.

import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import winston from 'winston';
import { createLog } from '../../src/base/log.ts';
import { stubEngine } from '../kdb/stub-engine.ts';
import { until } from '../until.ts';
import { openApi } from './api.ts';

const secrets = ['tag-value-71', 'field-value-72', 'filter-value-73', '74.747474', 'wrong-token-75'];
const lines: string[] = [];

class Kept extends winston.transports.Console {
  override log(info: winston.Logform.TransformableInfo, next: () => void): void {
    lines.push(String(info[Symbol.for('message') as unknown as string]));
    next();
  }
}

const engine = stubEngine({
  describe: async (series) => ({
    ...{ series, tags: ['host'], tagSets: 1n, firstNs: 0n, lastNs: 1n, rows: 1n },
    fields: [{ name: 'usage', type: 'float' }],
  }),
});
const api = await openApi(
  { after },
  { engine, log: createLog('api', 'debug').clear().add(new Kept()), config: { slowQueryMs: 0 } },
);
const { id, service } = await api.account('acme');
secrets.push(service.token);
const database = await api.database(id, 'plant');

/** The lines that a request has left behind. */
function linesOf(headers: Headers, message: string) {
  return until(`${message} in the log`, () => {
    const found = lines
      .map((line) => JSON.parse(line))
      .filter((line) => line.requestId === headers.get('x-request-id') && line.message === message);
    return found.length > 0 && found;
  });
}

test('the line of a request has who asked for what, and what its steps and the engine took', async () => {
  engine.insert = async (batch) => {
    await new Promise((resolve) => setTimeout(resolve, 20));
    return stubEngine().insert(batch);
  };
  const body = `cpu,host=${secrets[0]} usage=${secrets[3]},note="${secrets[1]}" 1`;
  const { status, headers } = await service.ask('/v1/databases/plant/write', { body });
  assert.equal(status, 200);
  const [line] = await linesOf(headers, 'request');
  const { route, account, durationMs, stepsMs, engineMs } = line;
  assert.deepEqual(
    { route, status: line.status, account, database: line.database },
    { route: 'write', status: 200, account: id, database: database.id },
  );
  assert.ok(stepsMs.write >= 19 && engineMs >= 19, JSON.stringify(line));
  assert.ok(stepsMs.write <= durationMs && engineMs <= durationMs, JSON.stringify(line));
});

test('a slow query is logged with its plan; the next one, soon after, without', async () => {
  const where = encodeURIComponent(`host=${secrets[2]}`);
  const path = `/v1/databases/plant/series/cpu/query?field=usage&where=${where}`;
  const first = await service.ask(path);
  assert.equal(first.status, 200, first.text);
  const [line] = await linesOf(first.headers, 'slow query');
  assert.deepEqual([line.series, line.isFiltered, line.fields, line.database], ['cpu', true, 1, database.id]);
  assert.deepEqual([line.plan.parts, line.plan.bytesPerVolume], [0, [0]]);
  const [unexplained] = await linesOf((await service.ask(path)).headers, 'slow query');
  assert.match(unexplained.plan, /^none/);
});

test('refusals and faults too: no token and no value is in any line', async () => {
  const requests = [
    service.ask('/v1/databases/plant/write', { body: `cpu,host=${secrets[0]} usage="${secrets[1]}" x` }),
    service.ask('/v1/databases/plant/write', {
      body: `{"series":"cpu","tags":{"host":${secrets[0]}}`,
      headers: { 'Content-Type': 'application/json' },
    }),
    service.ask(`/v1/databases/plant/series/cpu/query?from=${secrets[3]}x`),
    service.ask(`/v1/databases/plant/series/cpu/query?where=host~${secrets[2]}`),
    service.as(`tsg_${secrets[4]}`).ask('/v1/databases'),
  ];
  for (const { status, headers } of await Promise.all(requests)) {
    assert.ok(status === 400 || status === 401, `${status}`);
    await linesOf(headers, 'request');
  }
  engine.insert = () => Promise.reject(new Error('broken'));
  const broken = await service.ask('/v1/databases/plant/write', {
    body: `cpu,host=${secrets[0]} usage=${secrets[3]} 1`,
  });
  assert.equal(broken.status, 500);
  const [line] = await linesOf(broken.headers, 'request failed');
  assert.match(line.error.stack, /broken/);
  const all = lines.join('\n');
  for (const secret of secrets) assert.ok(!all.includes(secret), secret);
});
