import assert from 'node:assert/strict';
import { test } from 'node:test';
import { continueTrace, currentLine, currentTraceparent, inTrace } from '../../src/base/trace.ts';

const trace = '0af7651916cd43dd8448eb211c80319c';
const span = 'b7ad6b7169203331';

const continued: readonly (readonly [given: string, flags: string])[] = [
  [`00-${trace}-${span}-01`, '01'],
  [`00-${trace}-${span}-00`, '00'],
  // Bits that nobody has given a meaning yet are not passed on.
  [`00-${trace}-${span}-fe`, '00'],
  [`00-${trace}-${span}-03`, '01'],
  // Of versions that are still to come.
  [`cc-${trace}-${span}-01`, '01'],
  [`cc-${trace}-${span}-01-what-the-future-will-be-like`, '01'],
];
for (const [given, flags] of continued)
  test(`continued: ${given}`, () => {
    const [version, id, own, ...rest] = continueTrace(given).split('-');
    assert.deepEqual([version, id, rest], ['00', trace, [flags]]);
    assert.notEqual(own, span);
  });

const invalid: readonly (string | undefined)[] = [
  undefined,
  '',
  `00-${trace}-${span}`,
  `00-${trace}-${span}-01-more`,
  `00-${trace}-${span}-01-`,
  `cc-${trace}-${span}-01.more`,
  `ff-${trace}-${span}-01`,
  `00-${'0'.repeat(32)}-${span}-01`,
  `00-${trace}-${'0'.repeat(16)}-01`,
  `00-${trace.toUpperCase()}-${span}-01`,
  `00-${trace.slice(1)}-${span}-01`,
  `00-${trace}-${span}-1`,
  `00-${trace}-${span}-01, 00-${trace}-${span}-01`,
  `00-${trace}-${span}-01\n`,
];
for (const given of invalid)
  test(`made anew: ${JSON.stringify(given)}`, () => {
    const made = continueTrace(given);
    assert.match(made, /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
    assert.ok(!made.includes(trace) && !made.includes(span));
  });

test('what runs in a trace knows it, later too, and nothing beside it', async () => {
  const traceparent = continueTrace(undefined);
  const inside = inTrace(traceparent, { requestId: 'r-1' }, async () => {
    await new Promise((resolve) => setImmediate(resolve));
    return [currentTraceparent(), currentLine()];
  });
  assert.equal(currentTraceparent(), undefined);
  assert.deepEqual(await inside, [traceparent, { traceId: traceparent.slice(3, 35), requestId: 'r-1' }]);
});
