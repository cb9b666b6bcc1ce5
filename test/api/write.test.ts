import assert from 'node:assert/strict';
import { test } from 'node:test';
import { brotliCompressSync, constants, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { snappyCompress } from 'hyparquet-writer/src/snappy.js';
import type { InsertBatch, InsertReceipt } from '../../src/kdb/engine.ts';
import { EngineError } from '../../src/kdb/engine-error.ts';
import { type PromSeries, request } from '../ingest/write-request.ts';
import { stubEngine } from '../kdb/stub-engine.ts';
import { openApi } from './api.ts';

test('tables are written, and what is wrong with them is named by line', async (t) => {
  const inserted: InsertBatch[] = [];
  const stub = stubEngine();
  const insert = async (batch: InsertBatch): Promise<InsertReceipt> => {
    inserted.push(batch);
    return stub.insert(batch);
  };
  const engine = { ...stub, insert };
  const api = await openApi(t, { engine });
  const { id, service } = await api.account('a');
  await api.database(id, 'plant');
  const write = async (query: string, type: string, body: string): ReturnType<typeof service.ask> =>
    service.ask(`/v1/databases/plant/write?${query}`, { method: 'POST', headers: { 'content-type': type }, body });
  const cases: readonly (readonly [query: string, type: string, body: string, status: number, code?: string])[] = [
    ['series=cpu&tag-columns=h', 'text/csv', 'time,h,v\n1,a,2\n', 200],
    ['series=cpu&tag-columns=h&delimiter=%09&types=v:long', 'text/csv', 'time\th\tv\n1\ta\t2\n', 200],
    ['series=cpu&tag-columns=h', 'application/x-ndjson', '{"time":1,"h":"a","v":2}\n', 200],
    ['', 'application/x-ndjson', '{"series":"cpu","time":1,"tags":{"h":"a"},"fields":{"v":2}}\n', 200],
    ['series=cpu', 'text/csv', 'time,v\n1,2\n1\n', 400, 'InvalidLines'],
    ['', 'text/csv', 'time,v\n1,2\n', 400, 'InvalidRequest'],
    ['tag-columns=h', 'text/csv', 'time,v\n1,2\n', 400, 'InvalidRequest'],
    ['series=cpu&delimiter=x', 'text/csv', 'time,v\n1,2\n', 400, 'InvalidRequest'],
    ['series=cpu&types=v:int', 'text/csv', 'time,v\n1,2\n', 400, 'InvalidRequest'],
    ['series=cpu&time-format=%25q', 'text/csv', 'time,v\n1,2\n', 400, 'InvalidRequest'],
  ];
  for (const [query, type, body, status, code] of cases) {
    const reply = await write(query, type, body);
    assert.equal(reply.status, status, `${query} ${reply.text}`);
    assert.equal(reply.json?.code, code, query);
    if (code === 'InvalidLines') assert.equal(reply.json.errors[0].line, 3);
  }
  assert.equal(inserted.length, 4);
  for (const { parts } of inserted) assert.deepEqual(parts[0]!.tagNames, ['h']);
});

test('partial=true: good lines stay, what the engine refuses too is named; without it nothing is written', async (t) => {
  let inserted: InsertBatch[] = [];
  let known = false;
  const engine = stubEngine({
    insert: async (batch: InsertBatch): Promise<InsertReceipt> => {
      for (const { series, fields } of batch.parts) {
        for (const { name, data } of fields)
          if (name.startsWith('text') && data.type !== 'string')
            throw new EngineError('FieldTypeClash', series, name, 'string', data.type);
        if (series === 'full') throw new EngineError('StorageFull');
      }
      inserted.push(batch);
      const rows = batch.parts.reduce((sum, { row }) => sum + row.length, 0);
      return { rows: BigInt(known ? 0 : rows), late: 0n, catalogueVersion: 1n, generation: 1n, offset: 0n };
    },
  });
  const api = await openApi(t, { engine });
  const { id, service } = await api.account('a');
  await api.database(id, 'plant');
  const write = (body: string, query = '?partial=true', headers = {}): ReturnType<typeof service.ask> =>
    service.ask(`/v1/databases/plant/write${query}`, { body, headers });
  const check = async (body: string, expected: readonly unknown[], query?: string): Promise<void> => {
    inserted = [];
    const { status, json } = await write(body, query);
    const errors = json.errors?.map(({ line, column, code }: Record<string, unknown>) => `${line} ${column} ${code}`);
    assert.deepEqual([status, json.code, json.accepted, json.rejected, errors], expected, body);
    const rows = inserted.flatMap(({ parts }) => parts).reduce((sum, { row }) => sum + row.length, 0);
    assert.equal(rows, json.accepted ?? 0);
  };
  const bad = 'good v=1 1\nbad v= 2\ngood text=5 3\ngood v=2 4\nother text2=t 5';
  const named = ['2 v InvalidNumber', '3 text FieldTypeClash', '5 text2 FieldTypeClash'];
  await check(bad, [400, 'PartialWrite', 2, 3, named]);
  await check(bad, [400, 'InvalidLines', 0, 1, named.slice(0, 1)], '');
  await check('good text=5 3\ngood v=2 4', [400, 'InvalidLines', 0, 1, ['1 text FieldTypeClash']], '?partial=false');
  await check('good text=5 3', [400, 'InvalidLines', 0, 1, ['1 text FieldTypeClash']]);
  await check('good v=1 1', [200, undefined, 1, 0, []]);
  await check('full v=1 1\nbad', [503, 'StorageFull', undefined, undefined, undefined]);
  // Each of them is a refusal of its own.
  const many = Array.from({ length: 40 }, (_, i) => `good text${i}=1 ${i}`).join('\n');
  const { json } = await write(`${many}\ngood v=1 1`);
  assert.deepEqual([json.code, json.accepted], ['InvalidLines', 0]);
  const ahead = `good v=1 1\ngood v=1 ${(Date.now() + 25 * 3_600_000) * 1e6}`;
  await check(ahead, [400, 'PartialWrite', 1, 1, ['2 time TooFarInFuture']]);
  for (const settings of [{ futureHours: null }, { retentionDays: 100 }]) {
    await service.ask('/v1/databases/plant', { method: 'PATCH', body: settings });
    if ('futureHours' in settings) await check(ahead, [200, undefined, 2, 0, []]);
    else await check(ahead, [400, 'PartialWrite', 1, 1, ['1 time OlderThanRetention']]);
  }
  known = true;
  const again = await write('good v=1', '', { 'Idempotency-Key': 'k' });
  assert.deepEqual([again.status, again.json.accepted, again.json.repeated], [200, 1, true]);
});

test('bodies are unpacked by their Content-Encoding, within the limit', async (t) => {
  const maxBodyBytes = 100_000;
  const api = await openApi(t, { config: { maxBodyBytes } });
  const { id, service } = await api.account('a');
  await api.database(id, 'plant');
  const [one, two] = ['cpu v=1 1\n', 'cpu v=2 2\ncpu v=3 3\n'];
  const full = `#${' '.repeat(maxBodyBytes - one.length - 2)}\n${one}`;
  const windowed = zstdCompressSync(one, { params: { [constants.ZSTD_c_windowLog]: 27 } });
  const cases: readonly (readonly [encoding: string, body: Buffer, expected: number | string])[] = [
    ['gzip', gzipSync(one), 1],
    ['GZIP', Buffer.concat([gzipSync(one), gzipSync(two)]), 3],
    ['x-gzip', gzipSync(one), 1],
    ['deflate', deflateSync(one), 1],
    ['deflate', deflateRawSync(one), 1],
    ['zstd', zstdCompressSync(one), 1],
    ['zstd', windowed, 1],
    ['zstd', Buffer.concat([zstdCompressSync(one), zstdCompressSync(two)]), 3],
    ['identity', Buffer.from(one), 1],
    ...[gzipSync, deflateSync, zstdCompressSync].flatMap((pack, i): [string, Buffer, number | string][] => {
      const encoding = ['gzip', 'deflate', 'zstd'][i]!;
      return [
        [encoding, pack(full), 1],
        [encoding, pack(`${full}#`), 'BodyTooLarge'],
        [encoding, pack('x'.repeat(50_000_000)), 'BodyTooLarge'],
        [encoding, pack(one).subarray(0, -5), 'InvalidEncoding'],
        [encoding, Buffer.concat([pack(one), Buffer.from('junk')]), 'InvalidEncoding'],
        [encoding, Buffer.from('no such thing'), 'InvalidEncoding'],
        [encoding, Buffer.alloc(0), 'InvalidEncoding'],
      ];
    }),
    ['zstd', Buffer.concat([zstdCompressSync(full), zstdCompressSync('#')]), 'BodyTooLarge'],
    ['br', brotliCompressSync(one), 'UnsupportedEncoding'],
    ['gzip, gzip', gzipSync(gzipSync(one)), 'UnsupportedEncoding'],
    ['constructor', gzipSync(one), 'UnsupportedEncoding'],
  ];
  for (const [encoding, body, expected] of cases) {
    const headers = { 'Content-Encoding': encoding };
    const { json, text } = await service.ask('/v1/databases/plant/write', { body, headers });
    assert.equal(json.accepted ?? json.code, expected, `${encoding} ${text}`);
  }
});

test('Prometheus writes: what is stored, left out and refused, in its statuses', async (t) => {
  const inserted: InsertBatch[] = [];
  let refusal: EngineError | null = null;
  const stub = stubEngine();
  const insert = async (batch: InsertBatch): Promise<InsertReceipt> => {
    if (refusal) throw refusal;
    inserted.push(batch);
    return stub.insert(batch);
  };
  const api = await openApi(t, { engine: stubEngine({ insert }) });
  const { id, service } = await api.account('a');
  await api.database(id, 'plant');
  const now = BigInt(Date.now());
  const good = { labels: { __name__: 'up', job: 'a' }, samples: [[1, now]] } as const;
  const ended = { ...good, samples: [[Number.NaN, now]] } as const;
  const bad = { ...good, samples: [[Number.POSITIVE_INFINITY, now]] } as const;
  const path = '/v1/databases/plant/prometheus/write';
  const protobuf = { 'Content-Type': 'application/x-protobuf', 'X-Prometheus-Remote-Write-Version': '0.1.0' };
  const write = (body: Uint8Array, headers: Record<string, string> = {}): ReturnType<typeof service.ask> =>
    service.ask(path, { body, headers: { ...protobuf, 'Content-Encoding': 'snappy', ...headers } });
  const packed = (...series: PromSeries[]): Uint8Array => snappyCompress(request(series));
  const reply = async (body: Uint8Array, headers?: Record<string, string>): Promise<unknown[]> => {
    const { status, json, headers: replied } = await write(body, headers);
    return [status, json?.code, replied.get('x-prometheus-remote-write-samples-written')];
  };
  assert.deepEqual(await reply(packed(good, ended)), [204, undefined, '1']);
  const basic = `Basic ${Buffer.from(`any:${service.token}`).toString('base64')}`;
  assert.deepEqual(await reply(packed(good), { Authorization: basic }), [204, undefined, '1']);
  assert.deepEqual(
    inserted.map(({ parts: [part] }) => [part!.series, part!.tagNames, part!.fields[0]!.name, part!.timeNs[0]]),
    Array.from({ length: 2 }, () => ['up', ['job'], 'value', now * 1_000_000n]),
  );
  assert.deepEqual(await reply(packed(ended)), [204, undefined, '0']);
  assert.deepEqual(await reply(packed(good, bad)), [400, 'PartialWrite', '1']);
  assert.deepEqual(await reply(packed(bad)), [400, 'InvalidLines', '0']);
  assert.deepEqual(await reply(snappyCompress(Buffer.from('no such thing'))), [400, 'InvalidPoints', null]);
  assert.deepEqual(await reply(Buffer.from('no such thing')), [400, 'InvalidEncoding', null]);
  assert.deepEqual(await reply(Buffer.from('ffffffff0f00', 'hex')), [413, 'BodyTooLarge', null]);
  const later = 'application/x-protobuf;proto=io.prometheus.write.v2.Request';
  assert.deepEqual(await reply(packed(good), { 'Content-Type': later }), [415, 'UnsupportedMediaType', null]);
  refusal = new EngineError('EngineBusy');
  assert.deepEqual(await reply(packed(good)), [503, 'DatabaseOverloaded', null]);
  assert.match((await service.ask('/metrics')).text, /tsg_samples_without_value_total\{by="api".*\} 2\n/);
});
