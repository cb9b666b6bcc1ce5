import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { InsertBatch, InsertReceipt } from '../../src/kdb/engine.ts';
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
