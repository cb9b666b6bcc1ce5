import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { startRegion } from './region.ts';
import { Service } from './service.ts';

const lines = Array.from({ length: 5_000 }, (_, i) => {
  const fields = `f=${i / 8},l=${i}i,b=${i % 2 === 0},s="a \\"${i}\\""`;
  return `cpu,host=h${i % 10} ${fields} ${1_700_000_000_000_000_000n + BigInt(i)}`;
});

test('an export comes by its link, and its lines written to another database make the same export', async (t) => {
  const region = await startRegion();
  t.after(() => region.stop());
  const service = new Service(region.url, region.adminToken);
  await service.database('one');
  await service.database('two');
  await service.ask('/v1/databases/one/write', { body: lines.join('\n'), headers: { 'Content-Type': 'text/plain' } });
  const first = await exportOf(service, 'one');
  assert.equal(first.toString(), `${lines.join('\n')}\n`);
  const written = await service.ask('/v1/databases/two/write', {
    body: first,
    headers: { 'Content-Type': 'text/plain' },
  });
  assert.equal(written.json.accepted, lines.length, written.text);
  assert.deepEqual(await exportOf(service, 'two'), first);
});

async function exportOf(service: Service, database: string): Promise<Buffer> {
  const path = `/v1/databases/${database}/exports`;
  assert.deepEqual((await service.ask(path)).json, { exports: [], next: null });
  const asked = { series: 'cpu', format: 'line-protocol', compression: 'gzip', splitRows: 2_000 };
  const { json, text } = await service.ask(path, { body: asked });
  assert.ok(json?.task, text);
  await service.taskDone(json.task.id);
  const { rows, files } = (await service.ask(`${path}/${json.task.id}`)).json;
  assert.deepEqual([rows, files.length], [lines.length, 3]);
  const parts: Buffer[] = [];
  for (const { url, bytes, sha256 } of files) {
    const content = Buffer.from(await (await fetch(url)).arrayBuffer());
    assert.deepEqual([content.length, createHash('sha256').update(content).digest('hex')], [bytes, sha256]);
    parts.push(gunzipSync(content));
  }
  return Buffer.concat(parts);
}
