// A thousand bad requests: each gets its own clear error, and nothing changes.

import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { type LocalRegion, startRegion } from './region.ts';
import { type Ask, Service } from './service.ts';

let region: LocalRegion;
let service: Service;

before(async () => {
  region = await startRegion({ env: { TSG_MAX_BODY_BYTES: '1048576' } });
  service = new Service(region.url, region.adminToken);
  await service.database('plant');
  await service.write('plant', 'cpu,host=a usage=1 1\ncpu,host=b usage=2 2');
});
after(() => region?.stop());

const path = '/v1/databases/plant';
const text = { 'Content-Type': 'text/plain' };
const json = { 'Content-Type': 'application/json' };

const asks: [number, string, string, Ask?][] = [
  [404, 'RouteNotFound', '/v2'],
  [404, 'RouteNotFound', '/v1/databases/plant/nothing'],
  [405, 'MethodNotAllowed', '/v1/databases', { method: 'PUT', body: '{}' }],
  [404, 'DatabaseNotFound', '/v1/databases/other/series'],
  [404, 'SeriesNotFound', `${path}/series/nothing/query`],
  [404, 'TaskNotFound', '/v1/tasks/nothing'],
  [404, 'TokenNotFound', '/v1/tokens/nothing', { method: 'DELETE' }],
  [400, 'InvalidJson', '/v1/databases', { body: '{"name":', headers: json }],
  [400, 'InvalidRequest', '/v1/databases', { body: {} }],
  [400, 'InvalidRequest', '/v1/databases', { body: { name: 'x', volumes: 0 } }],
  [400, 'InvalidRequest', '/v1/databases', { body: { name: 'x', volumes: 'many' } }],
  [400, 'InvalidRequest', '/v1/databases', { body: { name: 'x', colour: 'red' } }],
  [400, 'InvalidRequest', '/v1/databases', { body: { name: 'x', region: 'mars-north-1' } }],
  [400, 'InvalidName', '/v1/databases', { body: { name: 'a\u0000b' } }],
  [400, 'InvalidRequest', '/v1/tokens', { body: { name: 'x', scopes: ['all'] } }],
  [400, 'InvalidRequest', '/v1/tokens', { body: { name: 'x', scopes: ['read'], expiresAt: 'yesterday' } }],
  [400, 'InvalidRequest', `${path}/series/new`, { method: 'PUT', body: { fields: { v: 'decimal' } } }],
  [400, 'InvalidName', `${path}/series/new`, { method: 'PUT', body: { fields: { time: 'float' } } }],
  [400, 'TagFieldClash', `${path}/series/new`, { method: 'PUT', body: { tags: ['a'], fields: { a: 'float' } } }],
  [400, 'FieldTypeClash', `${path}/series/cpu`, { method: 'PUT', body: { fields: { usage: 'string' } } }],
  [400, 'InvalidRequest', `${path}/write?precision=minutes`, { body: 'a v=1', headers: text }],
  [400, 'InvalidRequest', `${path}/write?colour=red`, { body: 'a v=1', headers: text }],
  [415, 'UnsupportedMediaType', `${path}/write`, { body: 'a v=1', headers: { 'Content-Type': 'application/xml' } }],
  [415, 'UnsupportedEncoding', `${path}/write`, { body: 'a v=1', headers: { ...text, 'Content-Encoding': 'br' } }],
  [400, 'InvalidEncoding', `${path}/write`, { body: 'a v=1', headers: { ...text, 'Content-Encoding': 'gzip' } }],
  [413, 'BodyTooLarge', `${path}/write`, { body: 'a'.repeat(1_048_577), headers: text }],
  [
    413,
    'BodyTooLarge',
    `${path}/write`,
    { body: gzipSync('a'.repeat(20_000_000)), headers: { ...text, 'Content-Encoding': 'gzip' } },
  ],
  [400, 'InvalidLines', `${path}/write`, { body: 'no fields', headers: text }],
  [400, 'InvalidLines', `${path}/write`, { body: 'a v=NaN', headers: text }],
  [400, 'InvalidLines', `${path}/write`, { body: 'a v=-9223372036854775808i', headers: text }],
  [400, 'InvalidLines', `${path}/write`, { body: 'a v=1 9223372036854775807', headers: text }],
  [400, 'InvalidLines', `${path}/write`, { body: Buffer.from([0x61, 0xff, 0x20, 0x76, 0x3d, 0x31]), headers: text }],
  [400, 'InvalidJson', `${path}/write`, { body: '[{"series":"a"', headers: json }],
  [400, 'InvalidLines', `${path}/write`, { body: [{ series: 'a', fields: {} }] }],
  [400, 'InvalidTime', `${path}/series/cpu/query?from=someday`],
  [400, 'InvalidRange', `${path}/series/cpu/query?from=2&until=1`],
  [400, 'InvalidRequest', `${path}/series/cpu/query?aggregation=mode`],
  [400, 'InvalidRequest', `${path}/series/cpu/query?interval-sec=-1`],
  [400, 'InvalidRequest', `${path}/series/cpu/query?limit=0`],
  [400, 'InvalidRequest', `${path}/series/cpu/query?colour=red`],
  [404, 'FieldNotFound', `${path}/series/cpu/query?field=nothing`],
  [404, 'TagNotFound', `${path}/series/cpu/query?group-by=nothing`],
];

for (const [status, code, where, options] of asks) {
  test(`${status} ${code}: ${options?.method ?? (options?.body ? 'POST' : 'GET')} ${where}`, async () => {
    const reply = await service.ask(where, options);
    assert.deepEqual([reply.status, reply.json?.code], [status, code], reply.text);
    assert.ok(reply.json.message.length > 10);
    assert.equal(reply.headers.get('x-request-id'), reply.json.requestId);
  });
}

test('a thousand mangled writes and queries are the caller’s mistakes, every one', async () => {
  const lines = [
    'cpu,host=a usage=1 1',
    'cpu,host=a,host=b x=1',
    '{"series":"cpu","time":[1],"fields":{"usage":[1]}}',
    'm f="x',
    ',',
    '=',
  ];
  const parts = [
    '\u0000',
    '\\',
    '"',
    ',',
    '=',
    ' ',
    '\n',
    '🦆',
    '1e999',
    '{',
    '[',
    ']',
    '%',
    '\u0007',
    'i',
    '9'.repeat(40),
  ];
  let state = 11;
  const pick = (n: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return state % n;
  };
  const statuses = new Map<number, number>();
  for (let i = 0; i < 1_000; i++) {
    const good = lines[pick(lines.length)]!;
    const at = pick(good.length + 1);
    const bad = `bad${good.slice(0, at)}${parts[pick(parts.length)]}${good.slice(at + pick(3))}\nbroken line ${i}=`;
    const reply =
      i % 3 === 2
        ? await service.ask(
            `${path}/series/cpu/query?${new URLSearchParams({ [['from', 'where', 'limit', 'cursor'][pick(4)]!]: bad })}`,
          )
        : await service.ask(`${path}/write`, { body: bad, headers: i % 3 ? json : text });
    statuses.set(reply.status, (statuses.get(reply.status) ?? 0) + 1);
    assert.ok(reply.status >= 400 && reply.status < 500, `${reply.status} for ${JSON.stringify(bad)}: ${reply.text}`);
    assert.ok(reply.json.code, reply.text);
  }
  assert.equal((await service.ask(`${path}/series`)).json.series.length, 1);
  assert.deepEqual(await service.rows('plant', 'cpu', { aggregation: 'count' }), [[2]]);
});

test('a body that never comes whole changes nothing and holds nothing up', async () => {
  const { hostname, port } = new URL(region.url);
  const socket = connect(Number(port), hostname);
  const head = `POST ${path}/write HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${region.adminToken}\r\nContent-Type: text/plain\r\nContent-Length: 1000\r\n\r\n`;
  await new Promise<void>((resolve) => socket.write(`${head}cpu,host=c usage=3 3\n`, () => resolve()));
  socket.destroy();
  assert.deepEqual(await service.rows('plant', 'cpu', { aggregation: 'count' }), [[2]]);
});

test('an offer to speak another protocol is answered in HTTP/1.1', async () => {
  const { hostname, port } = new URL(region.url);
  const socket = connect(Number(port), hostname);
  const status = await new Promise<string>((resolve, reject) => {
    socket.on('error', reject).once('data', (chunk) => resolve(chunk.toString('latin1', 0, 12)));
    socket.setTimeout(20_000, () => socket.destroy(new Error('no answer')));
    socket.write('GET /health HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n');
  }).finally(() => socket.destroy());
  assert.equal(status, 'HTTP/1.1 200');
});

test('not HTTP at all', async () => {
  const { hostname, port } = new URL(region.url);
  const socket = connect(Number(port), hostname);
  const answer = await new Promise<string>((resolve, reject) => {
    let received = '';
    socket.on('data', (chunk) => (received += chunk)).on('error', reject);
    socket.on('close', () => resolve(received));
    socket.write('\u0001\u0002 nonsense\r\n\r\n');
  });
  assert.match(answer, /^HTTP\/1.1 400 /);
  assert.equal((await service.ask('/health')).status, 200);
});
