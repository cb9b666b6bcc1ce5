import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bearerSecret, coversDatabase, requireOperator, requireScope } from '../../src/auth/token.ts';
import type { Token } from '../../src/management/records.ts';

const token: Token = {
  hash: 'h',
  id: 'i',
  userId: null,
  accountId: 'a',
  name: 'n',
  scopes: ['read'],
  databases: ['plant'],
  operator: false,
  expiresAt: '2026-01-01T00:00:00.000Z',
  version: 1,
  createdAt: '2025-01-01T00:00:00.000Z',
};

const headers: [string | undefined, string | null][] = [
  ['Bearer tsg_x', 'tsg_x'],
  ['bearer   tsg_x  ', 'tsg_x'],
  [undefined, null],
  ['', null],
  ['Bearer', null],
  ['Bearer a b', null],
  ['Basic dTpw', null],
  ['tsg_x', null],
];
for (const [header, secret] of headers) {
  test(`Authorization ${JSON.stringify(header)}`, () => {
    if (secret === null) assert.throws(() => bearerSecret(header), { code: 'TokenMissing' });
    else assert.equal(bearerSecret(header), secret);
  });
}

test('scopes, databases and the operator', () => {
  requireScope(token, undefined, 'read');
  assert.throws(() => requireScope(token, undefined, 'write'), { code: 'ScopeMissing', message: /write/ });
  assert.deepEqual([coversDatabase(token, 'plant'), coversDatabase(token, 'other')], [true, false]);
  assert.ok(coversDatabase({ ...token, databases: null }, 'other'));
  assert.throws(() => requireOperator(token), { code: 'OperatorOnly' });
});
