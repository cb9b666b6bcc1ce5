// Bodies made to cost more than their size. A decoder that is worse than linear does not end within the deadline.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Batch, decoderFor } from '../../src/ingest/index.ts';

const size = 128 * 1024;
const deadline = { timeout: 60_000 };
const options = { precision: 'ns', nowNs: 0n } as const;

function lines(body: string): Batch {
  return decoderFor('text/plain')(Buffer.from(body), options);
}

function json(body: string): Batch {
  return decoderFor('application/json')(Buffer.from(body), options);
}

function filled(bytes: number, part: string): string {
  return part.repeat(Math.ceil(bytes / part.length));
}

test('one line without an end', deadline, () => {
  for (const part of ['x', ',', '=', '\\', ' ', '"', 'a=1,', ',a=1', '\\"', '="', 'é', '1']) {
    for (const start of ['', 'cpu ', 'cpu v=', 'cpu v="', 'cpu v=1 ', 'cpu,a=']) {
      assert.ok(lines(start + filled(size, part)).faultCount <= 1, `${start}${part}…`);
    }
  }
});

test('many bad lines', deadline, () => {
  for (const line of ['x\n', 'a b\n', 'a v=1,w=\n', 'a,time=1 v=1\n', 'a v="x\\"\n', 'a v=1,v="\n"\n']) {
    const batch = lines(filled(size, line));
    assert.ok(batch.faultCount > 100 && batch.faults.length === 100, line);
  }
});

test('a tag set for each line', deadline, () => {
  const count = 30_000;
  const batch = lines(Array.from({ length: count }, (_, i) => `cpu,host=${i} v=1`).join('\n'));
  assert.equal(batch.parts[0]?.keyCount, count);
});

test('a series for each line, with the same tag', deadline, () => {
  const body = Array.from({ length: 30_000 }, (_, i) => `cpu${i},host=a v=1\n`).join('');
  assert.equal(lines(body).points, 30_000);
});

test('more series and fields than a request may have', deadline, () => {
  const body = Array.from({ length: 60_000 }, (_, i) => `s${i} v=1`).join('\n');
  assert.throws(() => lines(body), { code: 'InvalidPoints', message: /100000 series and fields/ });
});

test('many fields, one per line', deadline, () => {
  const body = Array.from({ length: 60_000 }, (_, i) => `cpu f${i % 1000}=1`).join('\n');
  assert.throws(() => lines(body), { code: 'InvalidPoints', message: /send fewer points/ });
  const points = Array.from({ length: 60_000 }, (_, i) => `{"series":"cpu","fields":{"f${i % 1000}":1}}`);
  assert.throws(() => json(`[${points}]`), { code: 'InvalidPoints', message: /send fewer points/ });
  assert.equal(lines(body.slice(0, 100_000)).faultCount, 0);
});

test('JSON of one kind', deadline, () => {
  for (const part of ['1,', '[],', '{},', '"x",', '"\\n",', 'null,', ' ']) {
    assert.equal(json(`[${filled(size, part).slice(0, -part.length)}${part.replace(',', '')}]`).points, 0, part);
  }
  for (const part of ['1', '\\\\', 'x', '\\u0041']) {
    assert.equal(json(`{"series":"${filled(4 * size, part)}","fields":{"v":1}}`).faultCount, 1, part);
    assert.equal(json(`{"series":"a","fields":{"v":"${filled(4 * size, part)}"}}`).faultCount, 1, part);
  }
  assert.equal(json(`{"series":"a","fields":{"v":${filled(size, '1')}}}`).faultCount, 1);
  assert.equal(json(`{"series":"a","time":${filled(size, '1')},"fields":{"v":1}}`).faultCount, 1);
  assert.ok(json(`{"series":"a","fields":{${filled(size, '"v":1,')}"v":2}}`).points === 1);
});
