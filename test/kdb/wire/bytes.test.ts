import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeMessage, encodeError, encodeMessage } from '../../../src/kdb/codec.ts';
import { CodecError } from '../../../src/kdb/codec-error.ts';
import {
  Atom,
  Booleans,
  Chars,
  Dict,
  Guid,
  Opaque,
  QError,
  type QValue,
  Sym,
  Symbols,
  Table,
  Vector,
} from '../../../src/kdb/qvalue.ts';

// Bytes from https://code.kx.com/q/kb/serialization/ and https://code.kx.com/q/basics/ipc/, and messages put together by hand from those pages.

function hex(text: string): Buffer {
  return Buffer.from(text.replaceAll(' ', ''), 'hex');
}

function chars(text: string): Chars {
  return new Chars(new TextEncoder().encode(text));
}

function check(kind: number, value: QValue, bytes: string): void {
  test(bytes, () => {
    assert.equal(encodeMessage(kind, value).toString('hex'), bytes.replaceAll(' ', ''));
    assert.deepEqual(decodeMessage(hex(bytes)), { kind, value });
  });
}

check(0, new Atom(-6, 1), '010000000d000000fa01000000');
check(0, Int32Array.of(1), '010000001200000006000100000001000000');
check(
  0,
  new Table(['a', 'b'], [Int32Array.of(2), Int32Array.of(3)]),
  '010000002f0000006200630b0002000000610062000000020000000600010000000200000006000100000003000000',
);
check(1, [new Sym('.tsg.ping'), null], '010100001b000000 0000 02000000 f52e7473672e70696e6700 6500');
check(2, new Atom(-12, 757_382_400_123_456_789n), '0102000011000000f4 15cd7db647c3820a');
check(0, [chars('hi'), chars('x')], '010000001d000000 0000 02000000 0a00020000006869 0a000100000078');
check(2, null, '01020000 0a000000 6500');

check(2, true, '010200000a000000ff01');
check(2, new Atom(-4, 0xc8), '010200000a000000fcc8');
check(2, new Atom(-5, -2), '010200000b000000fbfeff');
check(2, -(2n ** 63n), '0102000011000000f90000000000000080');
check(2, 2n ** 63n - 1n, '0102000011000000f9ffffffffffffff7f');
check(2, new Atom(-8, 0.5), '010200000d000000f80000003f');
check(2, 1.5, '0102000011000000f7000000000000f83f');
check(2, new Atom(-10, 0x61), '010200000a000000f661');
check(2, new Sym('é'), '010200000c000000f5c3a900');
check(2, new Guid(Uint8Array.from({ length: 16 }, (_, i) => i)), '0102000019000000fe000102030405060708090a0b0c0d0e0f');
check(2, new Atom(-19, 1), '010200000d000000ed01000000');
check(2, new Booleans(Uint8Array.of(1, 0)), '01020000100000000100020000000100');
check(2, Uint8Array.of(255), '010200000f000000040001000000ff');
check(2, BigInt64Array.of(1n), '010200001600000007000100000001000000 00000000');
check(2, Float64Array.of(1.5), '0102000016000000090001000000000000000000f83f');
check(2, new Symbols(['a', '']), '01020000110000000b000200000061 00 00');
check(2, new Vector(14, Int32Array.of(0)), '01020000120000000e000100000000000000');
check(2, [], '010200000e000000000000000000');
check(2, new Dict(new Symbols(['a']), Int32Array.of(2)), '010200001b000000630b0001000000610006000100000002000000');

test('an error reply', () => {
  assert.equal(encodeError('type').toString('hex'), '010200000e000000807479706500');
  const { kind, value } = decodeMessage(hex('01020000 0e000000 80 7479706500'));
  assert.equal(kind, 2);
  assert(value instanceof QError);
  assert.equal(value.message, 'type');
});

test('a sorted dictionary is a dictionary', () => {
  const { value } = decodeMessage(hex('010200001b0000007f0b0101000000610006000100000002000000'));
  assert.deepEqual(value, new Dict(new Symbols(['a']), Int32Array.of(2)));
});

test('functions are stepped over', () => {
  const lambda = '64000a00050000007b782b797d';
  assert.deepEqual(decodeMessage(hex(`0100000015000000${lambda}`)).value, new Opaque(100));
  assert.deepEqual(decodeMessage(hex('010200000a0000006601')).value, new Opaque(102));
  // A projection, and a boolean behind it to see that reading goes on at the right byte.
  assert.deepEqual(decodeMessage(hex(`0102000022000000 000002000000 6801000000${lambda} ff01`)).value, [
    new Opaque(104),
    true,
  ]);
});

function refuse(title: string, bytes: string): void {
  test(`refused: ${title}`, () => {
    assert.throws(() => decodeMessage(hex(bytes)), CodecError);
  });
}

refuse('big endian', '000000000000000dfa00000001');
refuse('length that is not the message’s', '010000000e000000fa01000000');
refuse('nothing behind the header', '0100000008000000');
refuse('type 3', '010200000a0000000301');
refuse('type -128 within a list', '0102000011000000000001000000806100');
refuse('negative count', '01020000120000000600ffffffff01000000');
refuse('count past the end', '01020000120000000600ffffff7f01000000');
refuse('list count past the end', '010200000e0000000000ffffff7f');
refuse('symbol count past the end', '010200000f0000000b00ffffff7f61');
refuse('symbol without an end', '010200000b000000f56161');
refuse('symbol that is not UTF-8', '010200000b000000f5ff00');
refuse('boolean 2', '010200000f00000001000100000002');
refuse('bytes behind the value', '010200000b000000ff0100');
refuse('table without a dictionary', '010200000c000000620065 00');
refuse('error text without an end', '010200000b000000806161');

test('nesting is bounded, both ways', () => {
  const deep = (levels: number): QValue => {
    let value: QValue = true;
    for (let i = 0; i < levels; i++) value = [value];
    return value;
  };
  assert.deepEqual(decodeMessage(encodeMessage(2, deep(64))).value, deep(64));
  assert.throws(() => encodeMessage(2, deep(65)), CodecError);
  const body = Buffer.concat([...Array(20_000).fill(hex('000001000000')), hex('ff01')]);
  const header = Buffer.alloc(8);
  header[0] = 1;
  header.writeInt32LE(8 + body.length, 4);
  assert.throws(() => decodeMessage(Buffer.concat([header, body])), CodecError);
});

function unsendable(title: string, value: QValue): void {
  test(`not sent: ${title}`, () => {
    assert.throws(() => encodeMessage(1, value), CodecError);
  });
}

unsendable('a symbol with NUL', new Sym('a\0b'));
unsendable('a symbol with NUL behind letters that are not ASCII', new Sym('é\0b'));
unsendable('symbols with NUL', new Symbols(['a\0b', 'c']));
unsendable('half a surrogate pair', new Sym('\ud800'));
unsendable('a long past 2^63', 2n ** 63n);
unsendable('a guid of 15 bytes', new Guid(new Uint8Array(15)));
unsendable('an int that is no integer', new Atom(-6, 0.5));
unsendable('a byte of 256', new Atom(-4, 256));
unsendable('a timestamp as a number', new Atom(-12, 1));
unsendable('a function', new Opaque(100));
unsendable('dates as longs', new Vector(14, BigInt64Array.of(0n)));
unsendable('a table with a name too many', new Table(['a', 'b'], [Int32Array.of(1)]));
