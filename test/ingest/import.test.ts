import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ImportParams, importFault, importParams, shownImport } from '../../src/ingest/import.ts';
import { paramsFault } from '../../workers/params.ts';

const sources: readonly (readonly [source: unknown, isTaken: boolean])[] = [
  [{ object: '2024/cpu.csv' }, true],
  [{ object: '..cpu' }, true],
  [{ object: '..' }, false],
  [{ object: 'a/../b' }, false],
  [{ object: 'a/.' }, false],
  [{ object: '/a' }, false],
  [{ object: 'a//b' }, false],
  [{ upload: true }, true],
  [{ upload: 'ops-1-2' }, true],
  [{ upload: '../x' }, false],
  [{ upload: false }, false],
  [{ url: 'https://a/b' }, true],
  [{ url: 'http://a/b' }, false],
];
for (const [source, isTaken] of sources) {
  test(`${JSON.stringify(source)} is ${isTaken ? '' : 'not '}a source`, () =>
    assert.equal(paramsFault({ params: importParams }, { source }) === undefined, isTaken));
}

const faults: readonly (readonly [params: Partial<ImportParams>, fault: RegExp])[] = [
  [{ source: { url: 'https://' } }, /no address/],
  [{ format: 'csv' }, /csv needs it/],
  [{ timeFormat: '%q' }, /timeFormat/],
];
for (const [params, fault] of faults)
  test(`${JSON.stringify(params)}: ${fault}`, () =>
    assert.match(importFault({ source: { upload: true }, ...params })!, fault));

test('a signed address is shown without its signature', () => {
  const params = { source: { url: 'https://b.example/c.csv?X-Amz-Signature=secret#more' }, series: 'c' };
  assert.deepEqual(shownImport(params), { source: { url: 'https://b.example/c.csv' }, series: 'c' });
  assert.deepEqual(shownImport({ source: { upload: true } }), { source: { upload: true } });
});
