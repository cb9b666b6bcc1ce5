import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decimalToDouble } from '../../src/ingest/decimal.ts';

function check(text: string): void {
  const bytes = Buffer.from(`=${text},`);
  const decimals = text.includes('.') ? text.length - text.indexOf('.') - 1 : 0;
  assert.equal(decimalToDouble(bytes, 1, bytes.length - 1, decimals), Number(text), text);
}

/** A bigint over a power of ten, as text. */
function shifted(digits: bigint, decimals: number): string {
  const text = `${digits}`.padStart(decimals + 1, '0');
  return decimals === 0 ? text : `${text.slice(0, -decimals)}.${text.slice(-decimals)}`;
}

test('any digits', () => {
  const digits = fc.oneof(fc.bigInt({ min: 0n, max: 10n ** 19n }), fc.bigInt({ min: 0n, max: 10n ** 22n }));
  fc.assert(
    fc.property(digits, fc.nat(25), fc.nat(3), (digits, decimals, zeros) => {
      check('0'.repeat(zeros) + shifted(digits, decimals));
    }),
    { numRuns: 20_000 },
  );
});

test('what JavaScript prints', () => {
  fc.assert(
    fc.property(fc.double({ min: 0, noNaN: true, noDefaultInfinity: true }), (value) => {
      if (!/e/.test(`${value}`)) check(`${value}`);
    }),
    { numRuns: 5000 },
  );
  fc.assert(
    fc.property(fc.double({ min: 1e-6, max: 1e6, noNaN: true }), (value) => check(`${value}`)),
    { numRuns: 20_000 },
  );
});

test('the middle between two doubles and its neighbours', () => {
  const near = fc.tuple(
    fc.bigInt({ min: 2n ** 52n, max: 2n ** 53n - 1n }),
    fc.integer({ min: 1, max: 3 }),
    fc.bigInt(-1n, 1n),
  );
  fc.assert(
    fc.property(near, ([mantissa, halvings, off]) => {
      // (2 × mantissa + 1) / 2^halvings has `halvings` decimals and lies between two doubles; one digit more moves it off.
      const middle = ((2n * mantissa + 1n) * 10n ** BigInt(halvings)) / 2n ** BigInt(halvings);
      check(shifted(middle, halvings));
      check(shifted(middle * 10n + off, halvings + 1));
      check(`${2n * mantissa + 1n}`);
    }),
    { numRuns: 5000 },
  );
});

test('odd forms', () => {
  for (const text of [
    '0',
    '0.0',
    '0000000000000000000000.5',
    '5.',
    '.5',
    '.0000000000000000000001',
    '9999999999999999999',
  ]) {
    check(text);
  }
  check('0.05999999999999961');
  check(`${'9'.repeat(400)}.5`);
  check(`0.${'0'.repeat(400)}1`);
});
