import assert from 'node:assert/strict';
import { test } from 'node:test';
import { askedPosition, tellPosition } from '../../src/api/position.ts';
import { ApiError } from '../../src/base/errors.ts';

const asked = (text?: string) =>
  askedPosition({ request: { headers: text === undefined ? {} : { 'x-tsg-position': text } } as never });

test('what a write is answered with is what a read must have seen', () => {
  const headers: Record<string, string> = {};
  const response = { setHeader: (name: string, text: string) => (headers[name] = text) };
  const receipt = { rows: 1n, late: 0n, catalogueVersion: 1n, generation: 12n, offset: 9_007_199_254_740_993n };
  tellPosition({ response: response as never }, receipt);
  assert.deepEqual(asked(headers['X-TSG-Position']), { position: { generation: 12n, offset: 9_007_199_254_740_993n } });
});

test('a read that says nothing must have seen nothing', () => assert.deepEqual(asked(), {}));

for (const wrong of ['', '1', '1-', '-1-2', '1-2-3', 'a-b', `1-${'9'.repeat(19)}`]) {
  test(`"${wrong}" is refused`, () => {
    assert.throws(
      () => asked(wrong),
      (error) => error instanceof ApiError && error.code === 'InvalidRequest',
    );
  });
}
