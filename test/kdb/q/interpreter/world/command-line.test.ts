import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readCommandLine } from './command-line.ts';

const check = (given: string, file: string | undefined, rest: string, options: Record<string, string[]> = {}) =>
  test(`q ${given}`, () => {
    const line = readCommandLine(given.split(' '));
    assert.equal(line.file, file);
    assert.equal(line.rest.join(' '), rest);
    assert.deepEqual(Object.fromEntries(line.options), options);
  });

// code.kx.com/q/ref/dotz/#zx-argv
check('test.q -P 0 -abc 123', 'test.q', '-abc 123', { P: ['0'] });
check('-abc 123 -xyz 321', undefined, '-abc 123 -xyz 321');
check('tsg.q -config /a -role writer -s 4 -w 100 -T 30 -q', 'tsg.q', '-config /a -role writer', {
  s: ['4'],
  w: ['100'],
  T: ['30'],
  q: [],
});
