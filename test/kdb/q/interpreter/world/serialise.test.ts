// Bytes of values: those of code.kx.com/q/kb/serialization, then there and back.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  atom,
  boolean,
  booleans,
  char,
  dict,
  empty,
  float,
  int,
  list,
  long,
  longs,
  nothing,
  type Q,
  Signal,
  short,
  symbol,
  symbols,
  table,
  utf8,
  vector,
  vectorOf,
} from '../values.ts';
import { Deserialiser, type Functions } from './deserialise.ts';
import { contentOf, errorMessage, message } from './messages.ts';
import { serialise } from './serialise.ts';

const functions: Functions = {
  primitive: (_, name) => symbol(name),
  lambda: (namespace, source) => list([symbol(namespace), utf8(source)]),
};
const ints = (...items: number[]): Q => vector(6, Int32Array.from(items));

const documented: [string, Q, string][] = [
  ['1i', int(1), '010000000d000000fa01000000'],
  ['enlist 1i', ints(1), '010000001200000006000100000001000000'],
  ['`byte$til 5', vector(4, Uint8Array.of(0, 1, 2, 3, 4)), '01000000130000000400050000000001020304'],
  [
    '`byte$enlist til 5',
    list([vector(4, Uint8Array.of(0, 1, 2, 3, 4))]),
    '01000000190000000000010000000400050000000001020304',
  ],
  [
    '`a`b!2 3i',
    dict(symbols(['a', 'b']), ints(2, 3)),
    '0100000021000000630b0002000000610062000600020000000200000003000000',
  ],
  [
    '([]a:enlist 2i;b:enlist 3i)',
    table(['a', 'b'], [ints(2), ints(3)]),
    '010000002f0000006200630b0002000000610062000000020000000600010000000200000006000100000003000000',
  ],
];
for (const [text, value, hex] of documented) {
  test(`bytes of ${text}`, () => assert.equal(message(0, value).toString('hex'), hex));
}

const values: [string, Q][] = [
  [
    'atoms',
    list([
      boolean(true),
      atom(2, '8c6b8b64-6815-6084-0a3e-178401251b68'),
      atom(4, 255),
      short(-32768),
      int(-1),
      long(-(2n ** 63n)),
      float(1.5),
      float(Number.NaN),
      char('x'),
      symbol('é'),
      atom(12, 5n),
      atom(13, 1),
      atom(14, 2),
      atom(15, 0.5),
      atom(16, 7n),
      atom(17, 3),
      atom(18, 4),
      atom(19, 6),
    ]),
  ],
  ['nothing', nothing],
  ['an empty list', empty],
  [
    'vectors',
    list([
      booleans(Uint8Array.of(1, 0)),
      vector(2, ['8c6b8b64-6815-6084-0a3e-178401251b68']),
      longs([1, 2]),
      vectorOf(9, [1, 0.5]),
      vectorOf(8, [0.5]),
      utf8(''),
      symbols(['', 'a b']),
      vector(12, BigInt64Array.of(1n)),
      vector(19, Int32Array.of(1)),
      vector(7, BigInt64Array.of(1n, 2n), 's'),
    ]),
  ],
  ['a keyed table', dict(table(['k'], [longs([1])]), table(['v'], [utf8('x')]))],
];
for (const [what, value] of values) {
  test(`there and back: ${what}`, () => {
    const reader = new Deserialiser(serialise(value), functions);
    assert.deepEqual(reader.value(), value);
    assert.ok(reader.isAtEnd);
  });
}

test('an error reply is its text', () => {
  const back = contentOf(errorMessage('type'), functions);
  assert.ok(back instanceof Signal);
  assert.equal(back.text, 'type');
  assert.equal(errorMessage('type').toString('hex'), '010200000e000000807479706500');
});

const malformed: [string, string][] = [
  ['a negative count', '010000001200000006 00 ffffffff 01000000'],
  ['more items than bytes', '010000001200000006 00 02000000 01000000'],
  ['a type that there is not', '010000000a000000 1e 00'],
  ['a symbol without an end', '010000000a000000 f5 61'],
  ['bytes behind the value', '010000000e000000fa0100000000'],
];
for (const [what, hex] of malformed) {
  test(`'badmsg: ${what}`, () =>
    assert.throws(() => contentOf(Buffer.from(hex.replaceAll(' ', ''), 'hex'), functions), /badmsg/));
}
