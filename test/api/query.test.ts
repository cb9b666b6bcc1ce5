// Queries through HTTP, over a real engine: forms of requests and replies. What the answers hold is proved in test/query/run.test.ts.

import assert from 'node:assert/strict';
import { request as httpRequest } from 'node:http';
import { before, test } from 'node:test';
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import fc from 'fast-check';
import type { Store } from '../../kdb/embedded/store.ts';
import { EngineError } from '../../src/kdb/engine-error.ts';
import { batchOf, point } from '../engines/points.ts';
import { openStore, volumesFor } from '../engines/store-in-temp.ts';
import type { Service } from '../system/service.ts';
import { openApi } from './api.ts';

const minuteNs = 60_000_000_000n;
const startNs = 1_704_067_200_000_000_000n;
const path = '/v1/databases/plant/query';
let service: Service;
let store: Store;
let slowQueries = false;

before(async (t) => {
  const context = t as unknown as Parameters<typeof openApi>[0];
  store = await openStore(volumesFor(context as never, 2));
  context.after(() => store.close());
  const engine = new Proxy(store, {
    get(target, name) {
      if (name === 'query' && slowQueries)
        return (_: unknown, signal: AbortSignal) =>
          new Promise((_, reject) => signal.addEventListener('abort', () => reject(new EngineError('Cancelled'))));
      const member = Reflect.get(target, name);
      return typeof member === 'function' ? member.bind(target) : member;
    },
  });
  const api = await openApi(context, { engine });
  const account = await api.account('acme', { plan: 'large' });
  await api.database(account.id, 'plant');
  service = account.service;
  const points = Array.from({ length: 9_000 }, (_, i) =>
    point('cpu', { host: `h${i % 3}`, 'a,b': 'x "y"' }, startNs + BigInt(i) * minuteNs, {
      usage: (i % 100) / 8,
      jobs: BigInt(i),
      note: `n,${i}`,
    }),
  );
  await store.insert(batchOf(points));
});

/** Of a body that is still compressed. */
function raw(
  body: object,
  headers: Record<string, string>,
): Promise<{ headers: Record<string, unknown>; body: Buffer }> {
  return new Promise((resolve, reject) => {
    const options = {
      method: 'POST',
      headers: { Authorization: `Bearer ${service.token}`, 'Content-Type': 'application/json', ...headers },
    };
    const sent = httpRequest(service.url + path, options, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => resolve({ headers: response.headers, body: Buffer.concat(chunks) }));
      response.on('error', reject);
    });
    sent.on('error', reject).end(JSON.stringify(body));
  });
}

test('parameters and spec ask the same', async () => {
  const same = async (parameters: Record<string, string>, spec: object): Promise<void> => {
    const got = await service.ask(`/v1/databases/plant/series/cpu/query?${new URLSearchParams(parameters)}`);
    const posted = await service.ask(path, { body: { series: 'cpu', ...spec } });
    assert.deepEqual([got.status, posted.status], [200, 200], got.text + posted.text);
    assert.equal(got.text, posted.text);
    assert.ok(got.json.rows.length > 0);
  };
  const usage = (aggregation: string, more = {}) => [{ field: 'usage', aggregation, as: 'usage', ...more }];
  await same({ field: 'usage', limit: '5' }, { fields: ['usage'], limit: 5 });
  await same({ field: 'usage', 'interval-sec': '3600' }, { select: usage('avg'), bucket: { width: '1h' } });
  await same(
    { field: 'usage', interval: '1mo', 'time-zone': 'Europe/Berlin', offset: '6h' },
    { select: usage('avg'), bucket: { width: '1mo', timeZone: 'Europe/Berlin', offset: '6h' } },
  );
  await same(
    { field: 'usage', points: '300', fill: 'previous', 'group-by': 'host' },
    { select: usage('avg'), points: 300, fill: 'previous', groupBy: ['host'] },
  );
  await same(
    { field: 'usage', downsample: 'lttb', points: '50', 'time-format': 'ns' },
    { fields: ['usage'], downsample: { method: 'lttb', points: 50 }, timeFormat: 'ns' },
  );
  await same({ field: 'usage', aggregation: 'wavg', weight: 'jobs' }, { select: usage('wavg', { weight: 'jobs' }) });
  await same(
    { field: 'jobs', where: 'host!=h0,h1', 'interval-sec': '86400', fill: '0', aggregation: 'max' },
    {
      select: [{ field: 'jobs', aggregation: 'max', as: 'jobs' }],
      where: { tag: 'host', op: 'not in', value: ['h0', 'h1'] },
      bucket: { width: '86400s' },
      fill: { value: 0 },
    },
  );
  await same(
    { field: 'usage', 'group-by': 'host', 'limit-per-group': '2', order: 'desc' },
    { fields: ['usage'], groupBy: ['host'], limitPerGroup: 2, order: 'desc' },
  );
  const latest = await service.ask('/v1/databases/plant/series/cpu/latest?field=jobs&where=host%3Dh1');
  const posted = await service.ask('/v1/databases/plant/latest', {
    body: { series: 'cpu', fields: ['jobs'], where: { tag: 'host', op: 'regex', value: '.1' } },
  });
  assert.equal(latest.json.rows.length, 1);
  assert.equal(latest.text, posted.text);
});

test('an as-of join by tags that both series have, in pages; what is wrong is told with its path', async () => {
  const asof = '/v1/databases/plant/asof';
  const limits = (host: string, minutes: number, high: number) =>
    point('limits', { host }, startNs + BigInt(minutes) * minuteNs, { high });
  await store.insert(batchOf([limits('h0', 0, 1), limits('h1', 2, 2), limits('h0', 6, 3)]));
  const body = {
    ...{ series: 'cpu', fields: ['jobs'], until: '2024-01-01T00:09:00Z', timeFormat: 's' },
    where: { tag: 'host', op: 'regex', value: 'h[01]' },
    other: { series: 'limits', fields: ['high'], where: { tag: 'host', op: 'regex', value: 'h.' } },
  };
  const { json } = await service.ask(asof, { body });
  assert.deepEqual(
    json.columns.map(({ name }: { name: string }) => name),
    ['time', 'host', 'a,b', 'jobs', 'limits.time', 'limits.high'],
  );
  const high = (rows: unknown[][]) => rows.map((row) => [row[3], row[5]]);
  const expected = [
    [0, 1],
    [1, null],
    [3, 1],
    [4, 2],
    [6, 3],
    [7, 2],
  ];
  assert.deepEqual(high(json.rows), expected);
  const first = await service.ask(asof, { body: { ...body, limit: 4 } });
  const rest = await service.ask(asof, { body: { ...body, cursor: first.json.next } });
  assert.deepEqual(high([...first.json.rows, ...rest.json.rows]), expected);
  const near = await service.ask(asof, { body: { ...body, tolerance: '2m' } });
  assert.deepEqual(
    high(near.json.rows).map(([, value]) => value),
    [1, null, null, 2, 3, null],
  );
  const wrong: [object, string][] = [
    [{ other: { series: 'none' } }, 'other.series'],
    [{ other: { series: 'limits', fields: ['high', 'low'] } }, 'other.fields[1]'],
    [{ other: { series: 'limits', where: { tag: 'rack', op: '=', value: '' } } }, 'other.where'],
    [{ by: ['a,b'] }, 'by[0]'],
    [{ tolerance: '-5s' }, 'tolerance'],
    [{ select: [] }, 'the spec'],
  ];
  for (const [members, place] of wrong) {
    const reply = await service.ask(asof, { body: { ...body, ...members } });
    assert.equal(reply.status, 400, reply.text);
    assert.ok(reply.json.message.includes(place), reply.text);
  }
});

test('formats by member, parameter and Accept; every point of a series in pages', async () => {
  const spec = { series: 'cpu', timeFormat: 's' };
  const lines = await service.ask(path, { body: { ...spec, format: 'ndjson' } });
  assert.equal(lines.headers.get('content-type'), 'application/x-ndjson');
  const rows = lines.text.trimEnd().split('\n');
  assert.equal(rows.length, 9_000);
  assert.deepEqual(JSON.parse(rows[4_500]!), {
    time: 1_704_067_200 + 4_500 * 60,
    'a,b': 'x "y"',
    host: 'h0',
    jobs: 4_500,
    note: 'n,4500',
    usage: 0,
  });
  const csv = await service.ask(path, {
    body: spec,
    headers: { Accept: 'text/html, text/csv;q=0.9, application/json;q=0.1' },
  });
  assert.match(csv.headers.get('content-type')!, /^text\/csv/);
  const table = csv.text.trimEnd().split('\n');
  assert.equal(table.length, 9_001);
  const [head, first] = [table[0]!, table[1]!];
  assert.equal(head, 'time,"a,b",host,jobs,note,usage'.split(',').length === head.split(',').length ? head : '');
  assert.ok(first.includes('"x ""y"""') && first.includes('"n,0"'), first);
  const page = await service.ask('/v1/databases/plant/series/cpu/query?format=csv&limit=10&field=usage');
  assert.equal(page.text.trimEnd().split('\n').length, 11);
  const next = page.headers.get('x-tsg-next')!;
  const second = await service.ask(
    `/v1/databases/plant/series/cpu/query?format=csv&limit=10&field=usage&cursor=${next}`,
  );
  assert.match(second.text.split('\n')[1]!, /^2024-01-01T00:10:00Z/);
  const json = await service.ask(path, { body: { ...spec, format: 'json' }, headers: { Accept: 'text/csv' } });
  assert.equal(json.json.rows.length, 9_000);
  assert.equal((await service.ask(path, { body: spec, headers: { Accept: 'text/csv;q=0' } })).json.rows.length, 9_000);
});

test('compressed as the client takes it, small replies not at all', async () => {
  const plain = await raw({ series: 'cpu' }, {});
  assert.equal(plain.headers['content-encoding'], undefined);
  for (const [accepted, encoding] of [
    ['gzip', 'gzip'],
    ['gzip, zstd', 'zstd'],
    ['zstd;q=0, gzip;q=0.5', 'gzip'],
    ['br', undefined],
    ['GZIP', 'gzip'],
  ] as const) {
    for (const body of [{ series: 'cpu' }, { series: 'cpu', limit: 1_000 }, { series: 'cpu', format: 'csv' }]) {
      const found = await raw(body, { 'Accept-Encoding': accepted });
      assert.equal(found.headers['content-encoding'], encoding, `${accepted} ${JSON.stringify(body)}`);
      const unpacked =
        encoding === 'gzip'
          ? gunzipSync(found.body)
          : encoding === 'zstd'
            ? zstdDecompressSync(found.body)
            : found.body;
      assert.ok(unpacked.equals((await raw(body, {})).body));
      if (encoding) assert.ok(found.body.length < unpacked.length / 2);
    }
  }
  assert.equal(
    (await raw({ series: 'cpu', limit: 1 }, { 'Accept-Encoding': 'gzip' })).headers['content-encoding'],
    undefined,
  );
});

test('explain: the plan, what was read, where the time went', async () => {
  const spec = {
    series: 'cpu',
    groupBy: ['host'],
    select: [{ field: 'usage', aggregation: 'avg' }],
    bucket: { width: '1d', timeZone: 'Europe/Berlin' },
    fill: 'null',
    top: { groups: 1, field: 'usage', aggregation: 'max' },
  };
  const { json, text } = await service.ask(path, { body: { ...spec, explain: true } });
  assert.deepEqual(json.plan.steps, ['top', 'engine', 'fill'], text);
  assert.equal(json.rows, 7);
  assert.equal(json.engine.bytesPerVolume.length, 2);
  assert.ok(json.timeMs.engineAndWay > 0 && json.timeMs.finishing >= 0);
  assert.equal(
    (await service.ask('/v1/databases/plant/series/cpu/query?explain=true&aggregation=avg')).json.plan.kind,
    'aggregates',
  );
});

test('the time that a query was given', async () => {
  slowQueries = true;
  try {
    const late = await service.ask(path, { body: { series: 'cpu', timeoutMs: 20 } });
    assert.deepEqual([late.status, late.json.code], [422, 'QueryTooLong'], late.text);
    assert.match(late.json.message, /20 ms/);
    const got = await service.ask('/v1/databases/plant/series/cpu/query?timeout-ms=20&field=usage');
    assert.equal(got.json.code, 'QueryTooLong');
  } finally {
    slowQueries = false;
  }
});

test('what is refused names its place', async () => {
  const refused = async (body: unknown, at: string, code = 'InvalidSpec'): Promise<void> => {
    const reply = await service.ask(path, { body: JSON.stringify(body) });
    assert.deepEqual([reply.status, reply.json.code], [400, code], reply.text);
    if (code === 'InvalidSpec') assert.equal(reply.json.details[0].path, at);
  };
  await refused({ series: 'nope' }, 'series');
  await refused(
    {
      series: 'cpu',
      select: [
        { field: 'usage', aggregation: 'avg' },
        { field: 'usag', aggregation: 'avg' },
      ],
    },
    'select[1].field',
  );
  await refused({ series: 'cpu', nonsense: 1 }, 'the spec');
  await refused([], 'the spec');
  await refused(null, 'the spec');
  assert.equal((await service.ask(path, { body: '{' })).json.code, 'InvalidJson');
  assert.equal((await service.ask(path, { body: '['.repeat(100_000) })).json.code, 'InvalidJson');
  assert.equal((await service.ask(path, { body: `"${'x'.repeat(1_000_000)}`.padEnd(1_048_577, '"') })).status, 413);
  const parameter = await service.ask('/v1/databases/plant/series/cpu/query?interval=5x');
  assert.match(parameter.json.message, /interval: "5x" is not allowed/);
  const fill = await service.ask('/v1/databases/plant/series/cpu/query?interval=1d&fill=x&field=usage');
  assert.match(fill.json.message, /fill: "x" is not allowed; give a number/);
});

test('tags, and their values by how they begin', async () => {
  const series = '/v1/databases/plant/series/cpu';
  assert.deepEqual(
    (await service.ask(`${series}/tags`)).json.tags.toSorted((a: { tag: string }, b: { tag: string }) =>
      a.tag < b.tag ? -1 : 1,
    ),
    [
      { tag: 'a,b', values: 1 },
      { tag: 'host', values: 3 },
    ],
  );
  const all = (await service.ask(`${series}/tags/host`)).json;
  assert.deepEqual(all, {
    tag: 'host',
    count: 3,
    values: ['h0', 'h1', 'h2'].map((value) => ({ value, tagSets: 1 })),
    next: null,
  });
  const page = (await service.ask(`${series}/tags/host?limit=2&prefix=h`)).json;
  assert.deepEqual(
    page.values.map(({ value }: { value: string }) => value),
    ['h0', 'h1'],
  );
  const rest = (await service.ask(`${series}/tags/host?limit=2&prefix=h&cursor=${page.next}`)).json;
  assert.deepEqual([rest.values, rest.next], [[{ value: 'h2', tagSets: 1 }], null]);
  assert.deepEqual((await service.ask(`${series}/tags/host?prefix=x`)).json, {
    tag: 'host',
    count: 0,
    values: [],
    next: null,
  });
  assert.deepEqual((await service.ask(`${series}/tags/${encodeURIComponent('a,b')}`)).json.values, [
    { value: 'x "y"', tagSets: 3 },
  ]);
  assert.equal((await service.ask(`${series}/tags/nope`)).json.code, 'TagNotFound');
  assert.equal((await service.ask('/v1/databases/plant/series/nope/tags')).json.code, 'SeriesNotFound');
});

test('any spec is answered, or refused with a place in it', async () => {
  const member = fc.constantFrom(
    'series',
    'select',
    'where',
    'groupBy',
    'bucket',
    'fill',
    'windows',
    'having',
    'order',
    'limit',
    'cursor',
    'from',
    'format',
    'top',
    'points',
    'fields',
    'explain',
    'x',
  );
  await fc.assert(
    fc.asyncProperty(fc.dictionary(member, fc.jsonValue({ maxDepth: 4 })), async (body) => {
      const reply = await service.ask(path, { body: JSON.stringify({ series: 'cpu', limit: 1, ...body }) });
      assert.ok([200, 400, 422].includes(reply.status), `${reply.status} ${JSON.stringify(body)} ${reply.text}`);
      if (reply.json?.code === 'InvalidSpec') assert.ok(reply.json.details[0].path, reply.text);
    }),
    { numRuns: 60 },
  );
});
