// InfluxDB's own clients against this API: what they send arrives, and what they are told is what they look for.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, beforeEach, test } from 'node:test';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { HttpError, InfluxDB, Point } from '@influxdata/influxdb-client';
import type { InsertBatch } from '../../src/kdb/engine.ts';
import { EngineError } from '../../src/kdb/engine-error.ts';
import { theService } from '../../src/management/audit.ts';
import { pointsOf } from '../ingest/points.ts';
import { stubEngine } from '../kdb/stub-engine.ts';
import { requireProgram } from '../programs.ts';
import { temporaryFolder } from '../servers.ts';
import type { Reply } from '../system/service.ts';
import { openApi } from './api.ts';

let inserted: InsertBatch[] = [];
let refusal: EngineError | null = null;
const stub = stubEngine();
const engine = stubEngine({
  insert: async (batch: InsertBatch) => {
    if (refusal) throw refusal;
    for (const { series, fields } of batch.parts)
      for (const { name, data } of fields)
        if (name === 'text' && data.type !== 'string')
          throw new EngineError('FieldTypeClash', series, name, 'string', data.type);
    inserted.push(batch);
    return stub.insert(batch);
  },
});
const api = await openApi({ after }, { engine });
const { id, service } = await api.account('a');
for (const name of ['plant', 'a/b']) await api.database(id, name);
const { url, token } = service;
beforeEach(() => {
  inserted = [];
  refusal = null;
});

/** As `series tags time fields`. */
function arrived(): string[] {
  return inserted.flatMap(({ parts }) => {
    const points = parts.reduce((sum, { row }) => sum + row.length, 0);
    const lineNumbers = parts.map(({ row }) => Int32Array.from(row.keys()));
    const batch = { parts, points, lines: points, faults: [], faultCount: 0, lineNumbers };
    return pointsOf(batch).map(
      ({ series, tags, time, fields }) =>
        `${series} ${JSON.stringify(tags)} ${time} ${Object.entries(fields).map(([name, value]) => `${name}=${value}`)}`,
    );
  });
}

test('the JavaScript client writes, in every precision, packed or not', async () => {
  for (const [precision, time, ns] of [
    ['ns', '1700000000123456789', '1700000000123456789'],
    ['us', 1_700_000_000_123_456, '1700000000123456000'],
    ['ms', 1_700_000_000_123, '1700000000123000000'],
    ['s', 1_700_000_000, '1700000000000000000'],
  ] as const) {
    inserted = [];
    const writer = new InfluxDB({ url, token }).getWriteApi('any', 'plant', precision, { gzipThreshold: 1 });
    writer.writePoint(new Point('cpu').tag('host', 'a b').floatField('v', 0.5).intField('n', 7).timestamp(time));
    await writer.close();
    assert.deepEqual(arrived(), [`cpu {"host":"a b"} ${ns} n=7,v=0.5`]);
  }
});

test('the JavaScript client is told what was left out, and sends again only what it should', async () => {
  const fail = async (lines: string[], bucket = 'plant', given = token): Promise<HttpError> => {
    const writer = new InfluxDB({ url, token: given }).getWriteApi('any', bucket, 'ns', {
      maxRetries: 0,
      writeFailed: () => Promise.resolve(),
    });
    let failed: unknown;
    writer.writeRecords(lines);
    const options = (writer as unknown as { writeOptions: { writeFailed: (error: Error) => Promise<void> } })
      .writeOptions;
    options.writeFailed = async (error) => {
      failed = error;
    };
    await writer.close();
    assert.ok(failed instanceof HttpError, String(failed));
    return failed;
  };
  const partly = await fail(['cpu v=1 1', 'cpu v= 2', 'cpu text=1 3', 'cpu v=2 4']);
  assert.deepEqual([partly.statusCode, partly.code, partly.json.line], [400, 'invalid', 2]);
  assert.match(partly.message, /partial write: unable to parse 'cpu v= 2': .*\nfield type conflict: .* dropped=2$/s);
  assert.equal(arrived().length, 2);
  assert.match((await fail(['cpu v'])).message, /^unable to parse 'cpu v': /);
  assert.deepEqual(await fail(['cpu v=1'], 'other').then((error) => [error.statusCode, error.code]), [
    404,
    'not found',
  ]);
  assert.deepEqual(await fail(['cpu v=1'], 'plant', 'wrong').then((error) => [error.statusCode, error.code]), [
    401,
    'unauthorized',
  ]);
  refusal = new EngineError('StorageFull');
  const full = await fail(['cpu v=1']);
  assert.deepEqual(
    [full.statusCode, full.code, full.canRetry(), full.retryAfter() > 0],
    [503, 'unavailable', true, true],
  );
});

test('influx -import', async (t) => {
  if (!requireProgram(t, 'influx', 'apt-get install influxdb-client')) return;
  const folder = temporaryFolder();
  t.after(folder.remove);
  const ddl =
    '# DDL\nCREATE DATABASE plant WITH NAME autogen\n# DML\n# CONTEXT-DATABASE: plant\n# CONTEXT-RETENTION-POLICY: autogen\n';
  const { hostname, port } = new URL(url);
  const run = async (text: string, ...more: string[]): Promise<string> => {
    const path = join(folder.path, 'export.gz');
    writeFileSync(path, gzipSync(text));
    const given = ['-host', hostname, '-port', port, '-username', 'any', '-password', token];
    const { stderr, stdout } = await promisify(execFile)(
      'influx',
      [...given, '-import', '-compressed', '-path', path, ...more],
      { timeout: 30_000 },
    );
    return stderr + stdout;
  };
  assert.match(await run(`${ddl}cpu,host=a v=1 1\ncpu,host=b v=2i 2\n`), /Processed 2 inserts\n.*Failed 0 inserts/);
  assert.match(await run(`${ddl}cpu,host=a v=3 3\n`, '-precision', 's'), /Failed 0 inserts/);
  assert.deepEqual(arrived(), ['cpu {"host":"a"} 1 v=1', 'cpu {"host":"b"} 2 v=2', 'cpu {"host":"a"} 3000000000 v=3']);
  const failed = await run(`${ddl.replaceAll('plant', 'other')}cpu v=1 1\n`).catch(
    (error: { stderr: string; stdout: string }) => error.stderr + error.stdout,
  );
  assert.match(failed, /there is no database other|database not found: "other"/);
});

const lines = 'cpu v=1 1\ncpu text=1 2';
const basic = `Basic ${Buffer.from(`any:${token}`).toString('base64')}`;

interface Sent {
  readonly path: string;
  readonly body?: string;
  readonly authorization?: string;
  readonly method?: string;
  readonly expected: readonly [status: number, said?: RegExp | object];
}

const sent: readonly Sent[] = [
  { path: '/write?db=plant', body: 'cpu v=1', authorization: basic, expected: [204] },
  { path: '/write?db=plant', body: 'cpu v=1', authorization: `Token any:${token}`, expected: [204] },
  { path: `/write?db=plant&u=any&p=${token}&rp=x&consistency=all`, body: 'cpu v=1', expected: [204] },
  { path: '/write?db=plant', body: '', authorization: basic, expected: [204] },
  { path: '/write?db=plant', body: 'cpu v=1', expected: [401, { error: /token/i }] },
  { path: '/write?db=plant&p=', body: 'cpu v=1', expected: [401, { error: /token/i }] },
  { path: '/write?db=plant&u=a&p=x', body: 'cpu v=1', expected: [401, { error: /unknown/ }] },
  {
    path: '/write?db=other',
    body: 'cpu v=1',
    authorization: basic,
    expected: [404, { error: /^database not found: "other"$/ }],
  },
  { path: '/write', body: 'cpu v=1', authorization: basic, expected: [400, { error: /db/ }] },
  {
    path: '/write?db=plant&precision=d',
    body: 'cpu v=1',
    authorization: basic,
    expected: [400, { error: /precision/ }],
  },
  {
    path: '/write?db=plant',
    body: lines,
    authorization: basic,
    expected: [400, { error: /^partial write: field type conflict: .* dropped=1$/ }],
  },
  {
    path: '/write?db=plant',
    body: 'cpu text=1 2',
    authorization: basic,
    expected: [400, { error: /^partial write: field type conflict: .* dropped=1$/ }],
  },
  {
    path: '/write?db=plant',
    body: '\n\ncpu',
    authorization: basic,
    expected: [400, { error: /^unable to parse 'cpu': / }],
  },
  {
    path: '/write?db=plant',
    body: 'cpu v=1 9000000000000000000',
    authorization: basic,
    expected: [400, { error: /^partial write: .* in the future/ }],
  },
  {
    path: '/api/v2/write?bucket=plant/autogen&org=o',
    body: 'cpu v=1',
    authorization: `Token ${token}`,
    expected: [204],
  },
  { path: '/api/v2/write?bucket=a/b/autogen', body: 'cpu v=1', authorization: `Bearer ${token}`, expected: [204] },
  {
    path: '/api/v2/write?org=o',
    body: 'cpu v=1',
    authorization: `Token ${token}`,
    expected: [400, { code: /^invalid$/, message: /bucket/ }],
  },
  {
    path: '/api/v2/write?bucket=plant',
    body: 'x'.repeat(1_000_001),
    authorization: `Token ${token}`,
    expected: [413, { code: /^request too large$/ }],
  },
  { path: '/ping', expected: [204] },
  { path: '/ping', method: 'HEAD', expected: [204] },
  {
    path: `/query?u=any&p=${token}&q=CREATE%20DATABASE%20%22plant%22`,
    expected: [200, /^{"results":\[{"statement_id":0}\]}$/],
  },
  {
    path: '/query',
    body: 'q=show+databases%3Bcreate+database+other',
    authorization: basic,
    expected: [200, /"values":\[\["a\/b"\],\["plant"\]\]}\]},{"statement_id":1,"error":"there is no/],
  },
  { path: '/query?q=select%201', authorization: basic, expected: [400, { error: /InfluxQL/ }] },
  { path: '/query?q=', authorization: basic, expected: [400, { error: /"q"/ }] },
  { path: '/query?q=show%20databases', expected: [401, { error: /token/i }] },
];

for (const { path, body, authorization, method, expected } of sent) {
  const [status, said] = expected;
  const shown = path.replace(token, '<token>');
  test(`${method ?? (body === undefined ? 'GET' : 'POST')} ${shown} ${body?.slice(0, 40) ?? ''}`, async () => {
    const reply: Reply = await service.ask(path, {
      token: null,
      ...(method && { method }),
      ...(body !== undefined && { body }),
      headers: {
        ...(authorization && { Authorization: authorization }),
        'Content-Type': 'application/x-www-form-urlencoded',
      },
    });
    assert.equal(reply.status, status, reply.text);
    if (status === 204) assert.equal(reply.headers.get('x-influxdb-version'), '1.8.10');
    if (said instanceof RegExp) assert.match(reply.text, said);
    else for (const [name, form] of Object.entries(said ?? {})) assert.match(reply.json[name], form);
  });
}

test('minutes and hours, of both signs, to the ends of time', async () => {
  const database = (await api.management.databases.getDatabase(id, 'plant'))!;
  await api.management.databases.changeSettings(database.accountId, 'plant', { futureHours: null }, theService);
  for (const [precision, time, expected] of [
    ['m', '28333333', '1699999980000000000'],
    ['h', '-1', '-3600000000000'],
    ['h', '2562047', '9223369200000000000'],
    ['h', '2562048', null],
    ['m', '999999999999', null],
  ] as const) {
    inserted = [];
    const { status } = await service.ask(`/write?db=plant&precision=${precision}`, { body: `cpu v=1 ${time}` });
    assert.deepEqual([status, ...arrived()], expected === null ? [400] : [204, `cpu {} ${expected} v=1`]);
  }
});
