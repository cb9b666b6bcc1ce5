// Points in, points out: exactly what was written, computed a second time by the test.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { until } from '../until.ts';
import { type LocalRegion, startRegion } from './region.ts';
import { Service } from './service.ts';

let region: LocalRegion;
let service: Service;

before(async () => {
  // Every line that there can be.
  region = await startRegion({ env: { TSG_LOG_LEVEL: 'debug', TSG_SLOW_QUERY_MS: '0' } });
  service = new Service(region.url, region.adminToken);
  await service.database('plant', { volumes: 2, futureHours: null });
  await service.database('strict', { schema: 'strict' });
});
after(() => region?.stop());

/** A seeded stream of numbers in [0, 1): runs repeat. */
function randoms(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    return (state >>> 0) / 2 ** 32;
  };
}

describe('aggregates equal a direct computation', () => {
  const start = 1_700_000_000;
  const random = randoms(7);
  const points = Array.from({ length: 20_000 }, (_, i) => ({
    host: `h${i % 7}`,
    timeS: start + Math.floor(i / 7) * 10,
    value: Math.round(random() * 1e6) / 1e3,
  }));

  before(async () => {
    const lines = points.map(({ host, timeS, value }) => `load,host=${host} v=${value} ${timeS}`);
    for (let at = 0; at < lines.length; at += 5_000)
      await service.write('plant', lines.slice(at, at + 5_000).join('\n'), '?precision=s');
  });

  const compute: Record<string, (values: number[]) => number> = {
    count: (v) => v.length,
    sum: (v) => v.reduce((a, b) => a + b, 0),
    avg: (v) => v.reduce((a, b) => a + b, 0) / v.length,
    min: (v) => Math.min(...v),
    max: (v) => Math.max(...v),
    first: (v) => v[0]!,
    last: (v) => v.at(-1)!,
  };

  for (const [aggregation, expected] of Object.entries(compute)) {
    test(`${aggregation} by host and hour`, async () => {
      const groups = new Map<string, number[]>();
      for (const { host, timeS, value } of points) {
        const key = `${host} ${Math.floor(timeS / 3600) * 3600}`;
        groups.set(key, [...(groups.get(key) ?? []), value]);
      }
      const rows = await service.rows('plant', 'load', {
        aggregation,
        'interval-sec': '3600',
        'group-by': 'host',
        'time-format': 's',
      });
      assert.equal(rows.length, groups.size);
      for (const [host, time, value] of rows as [string, number, number][]) {
        const want = expected(groups.get(`${host} ${time}`)!);
        assert.ok(Math.abs(value - want) <= Math.abs(want) * 1e-12, `${host} ${time}: ${value}, expected ${want}`);
      }
    });
  }

  test('a spec: local days, an expression, the two highest groups, pages', async () => {
    const spec = {
      ...{ series: 'load', groupBy: ['host'], timeFormat: 's', limit: 5 },
      where: {
        or: [
          { tag: 'host', op: 'regex', value: 'h[0-4]' },
          { tag: 'host', op: 'regex', value: 'nobody.*' },
        ],
      },
      select: [{ field: 'v', aggregation: 'sum', as: 'v' }],
      bucket: { width: '6h', timeZone: 'Asia/Kathmandu' },
    };
    const offset = 20_700;
    const sums = new Map<string, number>();
    for (const { host, timeS, value } of points) {
      if (host > 'h4') continue;
      const key = `${host} ${Math.floor((timeS + offset) / 21_600) * 21_600 - offset}`;
      sums.set(key, (sums.get(key) ?? 0) + value);
    }
    const seen: [string, number, number][] = [];
    let cursor: string | null = null;
    do {
      const body: object = { ...spec, ...(cursor && { cursor }) };
      const reply = await service.ask('/v1/databases/plant/query', { body });
      assert.equal(reply.status, 200, reply.text);
      seen.push(...reply.json.rows);
      cursor = reply.json.next;
    } while (cursor);
    assert.deepEqual(
      seen.map(([host, time]) => `${host} ${time}`),
      [...sums.keys()].sort(),
    );
    for (const [host, time, v] of seen) assert.ok(Math.abs(v - sums.get(`${host} ${time}`)!) < 1e-6, `${host} ${time}`);
    const top = await service.ask('/v1/databases/plant/query', {
      body: { ...spec, top: { groups: 2, field: 'v', aggregation: 'percentile', p: 50 }, limit: 1_000 },
    });
    assert.equal(new Set(top.json.rows.map(([host]: [string]) => host)).size, 2, top.text);
  });

  test('one value over a range, half-open, with a filter', async () => {
    const [from, until] = [start + 100, start + 5_000];
    const want = points.filter((p) => p.timeS >= from && p.timeS < until && p.host !== 'h3').length;
    const rows = await service.rows('plant', 'load', {
      aggregation: 'count',
      from: `${from}`,
      until: `${until}`,
      where: 'host!=h3',
    });
    assert.deepEqual(rows, [[want]]);
  });

  test('raw points in order of time', async () => {
    const rows = await service.rows('plant', 'load', { where: 'host=h1', 'time-format': 's' });
    const want = points.filter((p) => p.host === 'h1').map((p) => [p.timeS, p.host, p.value]);
    assert.deepEqual(rows, want);
  });
});

test('nine digits come back as they were sent', async () => {
  const times = [
    '2024-02-29T23:59:59.123456789Z',
    '1969-12-31T23:59:59.999999999Z',
    '1707-09-23T00:00:00.000000001Z',
    '2262-04-11T23:47:16.854775806Z',
  ];
  await service.write('plant', { series: 'exact', tags: {}, time: times, fields: { v: [1, 2, 3, 4] } });
  const rows = await service.rows('plant', 'exact');
  assert.deepEqual(
    rows.map(([time]) => time),
    times.toSorted(),
  );
  const [[ns]] = (await service.rows('plant', 'exact', {
    'time-format': 'ns',
    from: '2024-01-01',
    until: '2025-01-01',
  })) as [[string]];
  assert.equal(ns, '1709251199123456789');
});

test('line protocol times at every precision', async () => {
  for (const [precision, time] of [
    ['ns', '1700000000123456789'],
    ['us', '1700000000123456'],
    ['ms', '1700000000123'],
    ['s', '1700000000'],
  ] as const) {
    await service.write('plant', `at_${precision} v=1 ${time}`, `?precision=${precision}`);
    const [[ns]] = (await service.rows('plant', `at_${precision}`, { 'time-format': 'ns' })) as [[string]];
    assert.equal(ns, time.padEnd(19, '0'));
  }
});

test('integers keep all their digits', async () => {
  await service.write(
    'plant',
    'big v=9007199254740993i 1\nbig v=-9223372036854775807i 2\nbig v=9223372036854775807i 3',
  );
  const reply = await service.ask('/v1/databases/plant/series/big/query');
  for (const digits of ['9007199254740993', '-9223372036854775807', '9223372036854775807'])
    assert.ok(reply.text.includes(digits), reply.text);
});

test('escapes, quotes and other alphabets', async () => {
  await service.write('plant', 'we\\ ird,ta\\,g=a\\=b\\ c,ünï=日本 te\\ xt="a \\"q\\" \\\\ line\nbreak",ok=t 5');
  const reply = await service.ask('/v1/databases/plant/series/we%20ird/query?time-format=ns');
  assert.deepEqual(reply.json.columns.map(({ name }: { name: string }) => name).toSorted(), [
    'ok',
    'ta,g',
    'te xt',
    'time',
    'ünï',
  ]);
  assert.deepEqual(reply.json.rows[0].toSorted(), ['5', 'a "q" \\ line\nbreak', 'a=b c', true, '日本'].toSorted());
});

test('a series with a name of 255 bytes is asked for like any other', async () => {
  const name = `${'é'.repeat(100)}${'/'.repeat(55)}`;
  await service.write('plant', [{ series: name, time: 5, fields: { v: 1 } }]);
  assert.deepEqual(await service.rows('plant', name, { 'time-format': 'ns' }), [['5', 1]]);
  const described = await service.ask(`/v1/databases/plant/series/${encodeURIComponent(name)}`);
  assert.equal(described.json.series.name, name);
});

test('last write wins, field by field', async () => {
  await service.write('plant', 'lww,host=a x=1,y=1 10');
  await service.write('plant', 'lww,host=a y=2 10');
  await service.write('plant', { series: 'lww', tags: { host: 'a' }, time: [10], fields: { x: [null], y: [3] } });
  const reply = await service.ask('/v1/databases/plant/series/lww/query?field=x,y');
  assert.deepEqual(
    reply.json.rows.map((row: unknown[]) => row.slice(-2)),
    [[1, 3]],
  );
});

test('gzip, JSON rows, and points without a time', async () => {
  const body = gzipSync('zipped,host=a v=1\nzipped,host=b v=2');
  const reply = await service.ask('/v1/databases/plant/write', {
    body,
    headers: { 'Content-Type': 'text/plain', 'Content-Encoding': 'gzip' },
  });
  assert.equal(reply.json.accepted, 2, reply.text);
  await service.write('plant', [
    { series: 'rows', tags: { host: 'a' }, fields: { v: 1 }, time: '2024-01-01T00:00:00Z' },
    { series: 'rows', tags: { host: 'b' }, fields: { v: 2.5 }, time: 1_704_067_200_000_000_000 },
  ]);
  assert.deepEqual(await service.rows('plant', 'zipped', { aggregation: 'sum', from: '-1h' }), [[3]]);
});

test('a request with one bad line writes nothing', async () => {
  const body = 'good,host=a v=1 1\nbad,host=a v= 2\ngood2 v=1 3\nworse v=1 notatime';
  const reply = await service.ask('/v1/databases/plant/write', { body });
  assert.equal(reply.status, 400);
  assert.equal(reply.json.code, 'InvalidLines');
  assert.deepEqual(
    reply.json.errors.map(({ line }: { line: number }) => line),
    [2, 4],
  );
  assert.equal(reply.json.rejected, 2);
  for (const series of ['good', 'good2', 'bad'])
    assert.equal((await service.ask(`/v1/databases/plant/series/${series}`)).status, 404);
});

test('a type clash names the lines, both types, and writes nothing', async () => {
  await service.write('plant', 'typed v=1.5 1');
  const reply = await service.ask('/v1/databases/plant/write', { body: 'fresh v=1 1\ntyped v=2 2\ntyped v="text" 3' });
  assert.equal(reply.status, 400);
  assert.match(reply.text, /FieldTypeClash/);
  const clash = await service.ask('/v1/databases/plant/write', { body: 'fresh v=1 1\n\ntyped v="text" 3' });
  assert.deepEqual(
    clash.json.errors.map(({ line, column, code }: Record<string, unknown>) => [line, column, code]),
    [[3, 'v', 'FieldTypeClash']],
  );
  assert.match(clash.json.errors[0].message, /float.*string/);
  assert.equal((await service.ask('/v1/databases/plant/series/fresh')).status, 404);
});

test('what is good stays beside what the database refuses, in our words and in those of InfluxDB; late points are counted', async () => {
  await service.write('plant', 'mixed,host=a v=1.5 1000');
  const write = (path: string, body: string) =>
    service.ask(path, { body, headers: { 'Content-Type': 'text/plain', Authorization: `Token ${service.token}` } });
  const mixed =
    'mixed,host=a v=2 2000\nmixed,host=a v="text" 3000\nmixed,host=b w=t 4000\nmixed w=1 5000\nmixed v=1 500';
  const partly = await service.ask('/v1/databases/plant/write?partial=true', { body: mixed });
  assert.deepEqual(
    [partly.status, partly.json.code, partly.json.accepted, partly.json.rejected, partly.json.late],
    [400, 'PartialWrite', 3, 2, 0],
  );
  assert.deepEqual(
    partly.json.errors.map(({ line, column, code }: Record<string, unknown>) => `${line} ${column} ${code}`),
    ['2 v FieldTypeClash', '4 w FieldTypeClash'],
  );
  const told = await write('/write?db=plant&precision=us', 'mixed,host=a v=3 1\nmixed,host=a v=t 6');
  assert.match(told.json.error, /^partial write: field type conflict: .*float.*boolean.* dropped=1$/);
  assert.equal((await write('/api/v2/write?bucket=plant', 'mixed,host=a v=4 7000')).status, 204);
  const rows = await service.rows('plant', 'mixed', { field: 'v', where: 'host=a', 'time-format': 'ns' });
  assert.deepEqual(
    rows.map(([time, , v]) => [time, v]),
    [
      ['1000', 3],
      ['2000', 2],
      ['7000', 4],
    ],
  );
  const receipt = await service.ask('/v1/databases/plant/write', {
    body: 'mixed,host=a v=4 6000\nmixed,host=a v=4 8000',
  });
  assert.equal(receipt.json.late, 1);
  const { newest, oldest } = receipt.json.lagS;
  assert.ok(oldest >= newest && newest > 1_700_000_000);
});

test('a strict database takes what is defined', async () => {
  assert.equal((await service.ask('/v1/databases/strict/write', { body: 'cpu,host=a usage=1 1' })).status, 400);
  const defined = await service.ask('/v1/databases/strict/series/cpu', {
    method: 'PUT',
    body: { tags: ['host'], fields: { usage: 'float', cores: 'long' } },
  });
  assert.equal(defined.status, 200, defined.text);
  await service.write('strict', 'cpu,host=a usage=1,cores=4i 1');
  const reply = await service.ask('/v1/databases/strict/write', {
    body: 'cpu,host=a usage=1 2\ncpu,host=a,rack=1 usage=1 3',
  });
  assert.deepEqual(
    reply.json.errors.map(({ line, code }: Record<string, unknown>) => [line, code]),
    [[2, 'TagNotDefined']],
  );
  assert.deepEqual(await service.rows('strict', 'cpu', { aggregation: 'count', field: 'usage' }), [[1]]);
});

test('a repeated Idempotency-Key changes nothing', async () => {
  const send = (body: string) =>
    service.ask('/v1/databases/plant/write', { body, headers: { 'Idempotency-Key': 'once' } });
  await send('idem v=1 1');
  const again = await send('idem v=2 1');
  assert.deepEqual([again.status, again.json.accepted, again.json.repeated], [200, 1, true]);
  assert.deepEqual(await service.rows('plant', 'idem', { aggregation: 'last' }), [[1]]);
});

test('the newest values', async () => {
  await service.write('plant', 'newest,host=a x=1,y=1 10\nnewest,host=a x=2 20\nnewest,host=b x=5 15');
  const reply = await service.ask('/v1/databases/plant/series/newest/latest?time-format=ns');
  assert.deepEqual(reply.json.rows, [
    ['20', 'a', 2, 1],
    ['15', 'b', 5, null],
  ]);
});

test('series: list, describe, drop', async () => {
  await service.write('plant', 'gone,host=a v=1i 1700000000000000000');
  const described = await service.ask('/v1/databases/plant/series/gone');
  assert.deepEqual(described.json.series.fields, { v: 'long' });
  assert.equal(described.json.series.first, '2023-11-14T22:13:20Z');
  assert.ok(
    (await service.ask('/v1/databases/plant/series')).json.series.some(({ name }: { name: string }) => name === 'gone'),
  );
  assert.equal((await service.ask('/v1/databases/plant/series/gone', { method: 'DELETE' })).status, 204);
  assert.equal((await service.ask('/v1/databases/plant/series/gone')).status, 404);
  assert.equal((await service.ask('/v1/databases/plant/series/gone/query')).json.code, 'SeriesNotFound');
});

test('diagnostics of a database: every part answers', async () => {
  const { status, json, text } = await service.ask('/v1/databases/plant/diagnostics');
  assert.equal(status, 200, text);
  assert.doesNotMatch(text, /"unavailable"/);
  assert.equal(json.storage.bytesPerVolume.length, 2);
  assert.ok(json.storage.journal.generation >= 0 && json.storage.journal.offset > 0, text);
  assert.ok(json.connections.write.open > 0 && json.engine.catalogueVersion > 0, text);
  assert.deepEqual(
    json.tasks.map(({ kind, state }: Record<string, string>) => [kind, state]),
    [['provision', 'succeeded']],
  );
});

/** What a process of the region has logged by now. */
function logLines(process: 'api' | 'worker'): Record<string, unknown>[] {
  const text = readFileSync(join(region.dataDir, 'logs', `${region.names[0]}.${process}.log`), 'utf8');
  return text.split('\n').flatMap((line) => (line.startsWith('{') && line.endsWith('}') ? [JSON.parse(line)] : []));
}

/** The lines of a trace, once these are among them. */
function traced(process: 'api' | 'worker', traceId: string, wanted: readonly Record<string, unknown>[]) {
  return until(`the lines of ${traceId} in the log of the ${process}`, () => {
    const own = logLines(process).filter((line) => line['traceId'] === traceId);
    const has = (members: Record<string, unknown>) =>
      own.some((line) => Object.entries(members).every(([name, value]) => line[name] === value));
    return wanted.every(has) && own;
  });
}

test('one trace goes from a request over its task to the engine calls that a worker makes for it', async () => {
  const traceId = randomBytes(16).toString('hex');
  const headers = { traceparent: `00-${traceId}-b7ad6b7169203331-01` };
  const made = await service.ask('/v1/databases', { body: { name: 'traced' }, headers });
  assert.match(made.headers.get('traceparent')!, new RegExp(`^00-${traceId}-(?!b7ad6b7169203331)[0-9a-f]{16}-01$`));
  await service.taskDone(made.json.task.id);
  const written = await service.ask('/v1/databases/traced/write', { body: 'a v=1 1', headers });
  const requestId = written.headers.get('x-request-id');
  const api = await traced('api', traceId, [
    { message: 'request', route: 'createDatabase', requestId: made.headers.get('x-request-id') },
    { message: 'request', route: 'write', requestId },
    { message: 'engine call', call: '.tsg.insert', requestId },
  ]);
  const kept = await service.ask('/v1/databases/traced/write?ack=queued', { body: 'a v=2 2', headers });
  assert.equal(kept.status, 202, kept.text);
  const { id } = made.json.task;
  await traced('worker', traceId, [
    { message: 'task claimed', taskId: id },
    { message: 'engine call', call: '.tsg.hello', databaseId: api.find((line) => line['database'])!['database'] },
    { message: 'task succeeded', taskId: id },
    { message: 'engine call', call: '.tsg.inserts' },
    { message: 'queued write', state: 'applied' },
  ]);
});

test('a request without a trace begins one, and so does one that is refused before it has a route', async () => {
  for (const path of ['/v1/databases', '/no-such-route']) {
    const { headers } = await service.ask(path, { headers: { traceparent: '00-nonsense' } });
    assert.match(headers.get('traceparent')!, /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
  }
});

test('no log of the region has a token, a tag value or a field value that was sent', async () => {
  const tag = (n: number) => `tag-value-${n}-83b1`;
  const text = (n: number) => `field-value-${n}-83b1`;
  const number = '90817263.5451';
  const secrets = [/(tag|field|filter)-value-\d+-83b1/, /90817263\.?5?/, /wrong-token-83b1/];
  const operator = service;
  const { json } = await operator.ask('/v1/accounts', { body: { name: 'quiet' } });
  const token: string = json.token;
  const quiet = operator.as(token);
  await quiet.database('quiet');
  const path = '/v1/databases/quiet';
  const csvHeaders = { 'Content-Type': 'text/csv' };
  const tables = '/write?series=cpu&tag-columns=host';
  const replies = [
    quiet.ask(`${path}/write`, { body: `cpu,host=${tag(1)} usage=${number},note="${text(1)}" 1` }),
    quiet.ask(`${path}/write`, {
      body: `cpu,host=${tag(2)} usage="${text(2)}" 1\ncpu,host=${tag(2)} usage=${number}x 2`,
    }),
    quiet.ask(`${path}/write`, {
      body: { series: 'cpu', tags: { host: tag(3) }, time: [text(3)], fields: { usage: [1] } },
    }),
    quiet.ask(`${path}/write`, { body: `{"tags":${tag(4)}}`, headers: { 'Content-Type': 'application/json' } }),
    quiet.ask(path + tables, { body: `time,host,usage\n${text(5)},${tag(5)},${number}\n`, headers: csvHeaders }),
    quiet.as('tsg_wrong-token-83b1').ask(`${path}/write`, { body: `cpu,host=${tag(6)} usage=${number} 1` }),
  ];
  await Promise.all(replies);
  const queries = [
    `?where=host=${tag(1)}`,
    `?where=host~~filter-value-1-83b1`,
    `?where=usage>=filter-value-2-83b1`,
    `?from=filter-value-3-83b1`,
    `?aggregation=avg&field=note&where=note=${text(1)}`,
  ];
  for (const query of queries) await quiet.ask(`${path}/series/cpu/query${query.replaceAll('>', '%3E')}`);
  await quiet.ask(`${path}/series/cpu/latest?where=host=${tag(1)}`);
  const conditions = [
    { tag: 'host', op: 'in', value: [tag(1)] },
    { tag: 'host', op: 'regex', value: '(filter-value-4-83b1' },
    { field: 'usage', op: '=', value: 'filter-value-5-83b1' },
    { 'filter-value-6-83b1': 'filter-value-6-83b1' },
  ];
  for (const where of conditions) await quiet.ask(`${path}/query`, { body: { series: 'cpu', where } });
  const others = ['/api/v2/write?bucket=quiet', `/write?db=quiet&p=${token}`, '/write?db=quiet&p=tsg_wrong-token-83b1'];
  for (const other of others)
    await operator.ask(other, { token: null, body: `cpu,host=${tag(9)} usage=${number}x,note="${text(9)}" 1` });
  const asked = await quiet.ask(`${path}/imports`, {
    body: { source: { upload: true }, series: 'cpu', tagColumns: ['host'] },
  });
  const importPath = `${path}/imports/${asked.json.task.id}`;
  const file = `time,host,usage\n1,${tag(7)},${number}\n2,${tag(8)},${text(8)}\n`;
  await quiet.ask(`${importPath}/parts/1`, { method: 'PUT', body: file });
  await quiet.ask(`${importPath}/start`, { method: 'POST' });
  const exported = await quiet.ask(`${path}/exports`, { body: { series: 'cpu', query: { where: `host=${tag(1)}` } } });
  await quiet.taskDone(exported.json.task.id);
  await until('the import to be given up', () =>
    logLines('worker').some((line) => line['message'] === 'task given up' && line['taskId'] === asked.json.task.id),
  );
  const last = await quiet.ask('/v1/databases');
  await until('the last line', () =>
    logLines('api').some((line) => line['requestId'] === last.headers.get('x-request-id')),
  );

  const paths = globSync(join(region.dataDir, 'logs', '**', '*.log'));
  const database = logLines('api').findLast((line) => line['route'] === 'write' && line['database'])!['database'];
  for (const name of ['api', 'worker', 'agent', 'replicator'])
    assert.ok(
      paths.some((each) => each.endsWith(`.${name}.log`)),
      name,
    );
  assert.ok(
    paths.some((each) => each.endsWith(`${database}.log`)),
    `the log of ${database}`,
  );
  const isExplained = ({ message, plan }: Record<string, unknown>) =>
    message === 'slow query' && typeof plan === 'object';
  assert.ok(logLines('api').some(isExplained));
  for (const each of paths) {
    const log = readFileSync(each, 'utf8');
    for (const secret of [token, region.adminToken, region.agentSecret])
      assert.ok(!log.includes(secret), `${each} has a secret`);
    for (const secret of secrets) assert.doesNotMatch(log, secret, each);
  }
});
