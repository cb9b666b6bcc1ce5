import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { apiError, type ErrorCode, errorRegistry, sentence } from '../../src/base/errors.ts';
import { engineErrorCodes } from '../../src/kdb/engine-error.ts';

const codes = Object.keys(errorRegistry) as ErrorCode[];

test('every code has a 4xx or 5xx status and a sentence', () => {
  for (const code of codes) {
    const { status, message } = errorRegistry[code];
    assert.ok(Number.isInteger(status) && status >= 400 && status <= 599, `${code}: ${status}`);
    assert.match(message, /^\S/, code);
    assert.doesNotMatch(message, /\.$/, code);
  }
});

test('what passes by itself says when to retry, and nothing else does', () => {
  for (const code of codes) {
    const { status, retryAfterS } = errorRegistry[code] as { status: number; retryAfterS?: number };
    if (status === 429 || status === 503) assert.ok(Number.isInteger(retryAfterS) && retryAfterS! > 0, code);
    else assert.equal(retryAfterS, undefined, code);
  }
});

test('an engine error that has a code here fills in the whole sentence', () => {
  for (const [code, subjects] of Object.entries(engineErrorCodes)) {
    if (!Object.hasOwn(errorRegistry, code)) continue;
    const wanted = [...errorRegistry[code as ErrorCode].message.matchAll(/\{(\w+)\}/g)].map((m) => m[1]!);
    // `database` and `timeoutMs` are what the API adds to the engine's own subjects.
    const missing = wanted.filter((name) => ![...subjects, 'database', 'timeoutMs'].includes(name));
    assert.deepEqual(missing, [], code);
  }
});

test('values from outside are put in as text, on one line, shortened', () => {
  assert.equal(sentence('SeriesNotFound', { series: 'cpu' }), 'There is no series cpu');
  assert.equal(sentence('SeriesNotFound', { series: 'a\r\nb\0c\u007f' }), 'There is no series a  b c ');
  assert.equal(sentence('SeriesNotFound', { series: 'x'.repeat(1000) }), `There is no series ${'x'.repeat(200)}…`);
  assert.equal(sentence('SeriesNotFound', { series: '{database} $& $1' }), 'There is no series {database} $& $1');
});

test('an error carries its status, retry time, cause and extra members', () => {
  const cause = new Error('socket closed');
  const error = apiError('DatabaseUnavailable', { database: 'plant' }, { cause, extra: { details: [1] } });
  assert.deepEqual(
    [error.code, error.status, error.retryAfterS, error.cause, error.extra],
    ['DatabaseUnavailable', 503, 2, cause, { details: [1] }],
  );
  assert.equal(apiError('SeriesNotFound', { series: 'cpu' }).retryAfterS, undefined);
});

test('README.md lists every code with its status', () => {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
  const listed = [...readme.matchAll(/^\| `?([A-Z][A-Za-z]+)`? \| (\d{3}) \|/gm)].map((m) => `${m[1]} ${m[2]}`);
  assert.deepEqual(listed.sort(), codes.map((code) => `${code} ${errorRegistry[code].status}`).sort());
});
