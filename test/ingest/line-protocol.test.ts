import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { maxFieldsPerSeries, maxStringBytes, maxTagsPerSeries, maxTagValueBytes } from '../../src/base/limits.ts';
import { maxTimeNs, minTimeNs } from '../../src/base/time.ts';
import type { Batch, Precision } from '../../src/ingest/index.ts';
import { decodeLineProtocol } from '../../src/ingest/line-protocol.ts';
import { type Point, pointsOf, record, type Value } from './points.ts';

const nowNs = 1_700_000_000_123_456_789n;

function decode(body: string | Buffer, precision: Precision = 'ns'): Batch {
  return decodeLineProtocol(Buffer.from(body as string), { precision, nowNs });
}

type Expected = Partial<Omit<Point, 'tags' | 'fields'>> & {
  tags?: Record<string, string>;
  fields?: Record<string, Value>;
};

/** Each of the lines is one point that has at least what is expected of it. */
function check(body: string, ...expected: Expected[]): void {
  it(JSON.stringify(body), () => {
    const batch = decode(body);
    assert.deepEqual(batch.faults, []);
    const points = pointsOf(batch);
    assert.equal(points.length, expected.length);
    for (const [i, { tags, fields, ...rest }] of expected.entries()) {
      if (tags) assert.deepEqual(points[i]!.tags, record(Object.entries(tags)));
      if (fields) assert.deepEqual(points[i]!.fields, record(Object.entries(fields)));
      for (const [name, value] of Object.entries(rest)) assert.equal(points[i]![name as keyof Point], value);
    }
  });
}

/** The body's faults are these, as `line code column`, and nothing is to be written. */
function refuse(text: string | Buffer, ...expected: string[]): void {
  const body = Buffer.from(text as string);
  it(JSON.stringify(body.toString('latin1')).slice(0, 80), () => {
    const batch = decode(body);
    assert.deepEqual(
      batch.faults.map(({ line, code, column }) => `${line} ${code} ${column}`),
      expected,
    );
    assert.equal(batch.faultCount, expected.length);
    assert.deepEqual(batch.parts, []);
    for (const { message } of batch.faults) assert.ok(message.length > 5 && message.length < 250, message);
  });
}

describe('a line', () => {
  check('cpu v=1 1', { series: 'cpu', tags: {}, fields: { v: 1 }, time: 1n, line: 1 });
  check('cpu,host=a v=1 1', { tags: { host: 'a' } });
  check('cpu,host=a,region=eu v=1,w=2i 1', { tags: { host: 'a', region: 'eu' }, fields: { v: 1, w: 2n } });
  check('cpu,region=eu,host=a v=1 1\ncpu,host=a,region=eu v=2 2', { tags: { host: 'a', region: 'eu' } }, { line: 2 });
  check('cpu,host= v=1 1', { tags: {} });
  check('cpu,host=,rack=1 v=1 1', { tags: { rack: '1' } });
  check('cpu v=1', { time: nowNs });
  check('cpu v=1 ', { time: nowNs });
  check('cpu v=1\r\n', { time: nowNs });
  check('cpu   v=1   7  \r\n', { time: 7n });
  check('  \t cpu v=1 7', { series: 'cpu', time: 7n });
  check('# a comment\n\n\r\n  # another, with "quotes\ncpu v=1 1\n', { line: 5 });
  check('');
  check('\n');
  check('#');
  check('cpu v=1,v=2 1', { fields: { v: 2 } });
  check('cpu v="one",w=1,v="two" 1\ncpu v="three" 2', { fields: { v: 'two', w: 1 } }, { fields: { v: 'three' } });
  check('a v=1 1\nb v=2 2\na v=3 3', { series: 'a' }, { series: 'b' }, { series: 'a', fields: { v: 3 } });
  check('a v=1,w=2\na w=3\na u=4,v=5', { fields: { v: 1, w: 2 } }, { fields: { w: 3 } }, { fields: { u: 4, v: 5 } });
  check('__proto__,__proto__=a constructor=1', { series: '__proto__', fields: { constructor: 1 } });
});

describe('escapes', () => {
  check('c\\,p\\ u v=1', { series: 'c,p u' });
  check('c\\=p\\u\\\\x v=1', { series: 'c\\=p\\u\\\\x' });
  check('cpu\\\\ v=1 w=2', { series: 'cpu\\ v=1', fields: { w: 2 } });
  check('cpu,t\\,a\\=g\\ =v\\,a\\=l\\  v=1', { tags: { 't,a=g ': 'v,a=l ' } });
  check('cpu,path=C:\\new\\\\x v=1', { tags: { path: 'C:\\new\\\\x' } });
  check('cpu,t="a v=1', { tags: { t: '"a' } });
  check('cpu a\\,b\\=c\\ d=1,"e"=2', { fields: { 'a,b=c d': 1, '"e"': 2 } });
  check('cpu v="a, b=c\\"d\\\\e\\f"', { fields: { v: 'a, b=c"d\\e\\f' } });
  check('cpu v="" 1', { fields: { v: '' } });
  check('cpu v="one\ntwo\n",w=1 5\ncpu v="x" 6', { line: 1, fields: { v: 'one\ntwo\n', w: 1 } }, { line: 4, time: 6n });
  check('cpu v="a\\\\" 1\ncpu v="b" 2', { fields: { v: 'a\\' } }, { fields: { v: 'b' } });
  check('größe,ort=Köln 値="日本🎌"', { series: 'größe', tags: { ort: 'Köln' }, fields: { 値: '日本🎌' } });
});

describe('numbers', () => {
  for (const [text, value] of Object.entries({
    '1': 1,
    '-0': -0,
    '+1.5': 1.5,
    '5.': 5,
    '.5': 0.5,
    '-.5e-3': -0.0005,
    '1e3': 1000,
    '1E+3': 1000,
    '0.1': 0.1,
    '123456789012345': 123456789012345,
    '1234567890123456789': Number('1234567890123456789'),
    '0.000000000000000000001': 1e-21,
    '9007199254740993': 9007199254740992,
    '179769313486231570000000000000000000000e270': 1.7976931348623157e308,
    '5e-324': 5e-324,
    '1e-999': 0,
    '0i': 0n,
    '-0i': 0n,
    '007i': 7n,
    '+7i': 7n,
    '999999999i': 999999999n,
    '-999999999i': -999999999n,
    '1000000000i': 1000000000n,
    '4294967296i': 4294967296n,
    '-4294967296i': -4294967296n,
    '-2147483649i': -2147483649n,
    '9007199254740993i': 9007199254740993n,
    '9223372036854775807i': 9223372036854775807n,
    '-9223372036854775807i': -9223372036854775807n,
    '00000000000000000000000000001i': 1n,
    '7u': 7n,
    '9223372036854775807u': 9223372036854775807n,
  } as Record<string, Value>)) {
    check(`cpu v=${text}`, { fields: { v: value } });
  }
  for (const text of [
    '',
    '-',
    '+',
    '.',
    '-.',
    'e3',
    '1e',
    '1e+',
    '1.2.3',
    '0x10',
    '1_000',
    '1ii',
    'i',
    '1.5i',
    '1e3i',
    '--1',
    '1-',
    "'a'",
  ]) {
    refuse(`cpu v=${text}`, '1 InvalidNumber v');
  }
  for (const text of [
    '9223372036854775808i',
    '-9223372036854775808i',
    '18446744073709551615u',
    '99999999999999999999999i',
  ]) {
    refuse(`cpu v=${text}`, '1 InvalidNumber v');
  }
  refuse('cpu v=-1u', '1 InvalidNumber v');
  for (const text of ['nan', 'NaN', 'inf', '-Inf', '+Infinity', '1e999', '-1e309'])
    refuse(`cpu v=${text}`, '1 NotFinite v');
});

describe('booleans', () => {
  for (const text of ['t', 'T', 'true', 'True', 'TRUE']) check(`cpu v=${text}`, { fields: { v: true } });
  for (const text of ['f', 'F', 'false', 'False', 'FALSE']) check(`cpu v=${text}`, { fields: { v: false } });
  for (const text of ['tr', 'tRUE', 'yes', 'truee']) refuse(`cpu v=${text}`, '1 InvalidNumber v');
});

describe('times', () => {
  const at = (precision: Precision, text: string, time: bigint): void => {
    it(`${text} ${precision}`, () => assert.equal(pointsOf(decode(`cpu v=1 ${text}`, precision))[0]?.time, time));
  };
  at('ns', '1700000000123456789', 1700000000123456789n);
  at('ns', '-1', -1n);
  at('ns', '-4294967296', -4294967296n);
  at('ns', '0001', 1n);
  at('us', '1700000000123456', 1700000000123456000n);
  at('ms', '1700000000123', 1700000000123000000n);
  at('s', '1700000000', 1700000000000000000n);
  at('s', '-7', -7000000000n);
  at('ns', `${maxTimeNs}`, maxTimeNs);
  at('ns', `${minTimeNs}`, minTimeNs);
  at('us', `${maxTimeNs / 1000n}`, (maxTimeNs / 1000n) * 1000n);
  at('ms', `${minTimeNs / 1000000n}`, (minTimeNs / 1000000n) * 1000000n);
  at('s', `${maxTimeNs / 1000000000n}`, (maxTimeNs / 1000000000n) * 1000000000n);

  const outside = (precision: Precision, time: bigint): void => {
    it(`${time} ${precision} is outside`, () => {
      assert.equal(decode(`cpu v=1 ${time}`, precision).faults[0]?.code, 'TimeOutOfRange');
    });
  };
  outside('ns', maxTimeNs + 1n);
  outside('ns', minTimeNs - 1n);
  outside('us', maxTimeNs / 1000n + 1n);
  outside('us', minTimeNs / 1000n - 1n);
  outside('s', maxTimeNs / 1000000000n + 1n);
  outside('s', 99999999999999999999999999n);

  it('one now for the whole request', () => {
    assert.deepEqual(
      pointsOf(decode('cpu v=1\ncpu v=2\nmem v=3', 's')).map(({ time }) => time),
      [nowNs, nowNs, nowNs],
    );
  });
  for (const text of ['x', '1.5', '1x', '1 2', '-', '+1', '1e9', '- 1', '"a"']) {
    refuse(`cpu v=1 ${text}`, '1 InvalidTimestamp time');
  }
});

describe('types within a request', () => {
  check('cpu v=1i\ncpu v=1.5\ncpu v=3i', { fields: { v: 1 } }, { fields: { v: 1.5 } }, { fields: { v: 3 } });
  check(
    'cpu v=9007199254740993i\ncpu v=-9223372036854775807i\ncpu v=0.5\ncpu v=9223372036854775807i',
    { fields: { v: 9007199254740992 } },
    { fields: { v: -(2 ** 63) } },
    { fields: { v: 0.5 } },
    { fields: { v: 2 ** 63 } },
  );
  check('a v=1i\nb v=1.5\nc v="x"', { fields: { v: 1n } }, { fields: { v: 1.5 } }, { fields: { v: 'x' } });
  refuse('cpu v=1\ncpu v="x"\ncpu v=true\ncpu v=2', '2 FieldTypeClash v', '3 FieldTypeClash v');
  refuse('cpu v="x"\ncpu v=1\ncpu v=1i', '2 FieldTypeClash v', '3 FieldTypeClash v');
  refuse('cpu v=true\ncpu v=1i', '2 FieldTypeClash v');
  refuse('cpu v=1,v="x"', '1 FieldTypeClash v');
  // A bad line does not decide the type for the others.
  refuse('cpu v="x",w=\ncpu v=1', '1 InvalidNumber w');
  refuse('cpu host=1\ncpu,host=a v=1', '2 TagFieldClash host');
  refuse('cpu,host=a v=1\ncpu host=1', '1 TagFieldClash host');
});

describe('bad lines', () => {
  refuse('cpu', '1 MissingFields char 4');
  refuse('cpu,host=a', '1 MissingFields char 11');
  refuse('cpu ', '1 MissingFields char 5');
  refuse('cpu \r\n', '1 MissingFields char 5');
  refuse('cpu v', '1 InvalidLine char 5');
  refuse('cpu v 1', '1 InvalidLine char 5');
  refuse('cpu v=1, w=2', '1 InvalidLine char 9');
  refuse('cpu v=1,', '1 InvalidLine char 9');
  refuse('cpu =1', '1 InvalidLine char 5');
  refuse('cpu,host v=1', '1 InvalidLine char 5');
  refuse('cpu,=a v=1', '1 InvalidLine char 5');
  refuse('cpu, v=1', '1 InvalidLine char 5');
  refuse('cpu,host=a, v=1', '1 InvalidLine char 12');
  refuse('cpu,host=a=b v=1', '1 InvalidLine host');
  refuse('cpu,host=a,host=a v=1', '1 DuplicateTag host');
  refuse(',host=a v=1', '1 InvalidName char 1');
  refuse('cpu,time=a v=1', '1 InvalidName time');
  refuse('cpu time=1', '1 InvalidName time');
  refuse('cp\tu v=1', '1 InvalidName char 1');
  refuse('cpu a\u0000b=1', '1 InvalidName a b');
  refuse('cpu,host=a\u0000b v=1', '1 InvalidValue host');
  refuse(`${'n'.repeat(256)} v=1`, '1 InvalidName char 1');
  refuse(`cpu ${'ü'.repeat(128)}=1`, `1 InvalidName ${'ü'.repeat(60)}…`);
  refuse(`cpu,host=${'x'.repeat(maxTagValueBytes + 1)} v=1`, '1 ValueTooLong host');
  refuse(`cpu v="${'x'.repeat(maxStringBytes + 1)}"`, '1 ValueTooLong v');
  refuse('cpu v="x', '1 InvalidLine v');
  refuse('cpu v="x"y', '1 InvalidLine v');
  refuse('cpu v="x""y"', '1 InvalidLine v');
  refuse(
    Buffer.from('c\xffpu v=1\ncpu v=1\ncpu,host=\xe4 v=1\ncpu s="\xc3"', 'latin1'),
    '1 InvalidUtf8 char 1',
    '3 InvalidUtf8 char 1',
    '4 InvalidUtf8 char 1',
  );
  refuse('cpu v=1\n\n# x\ncpu v\r\ncpu s="a\nb"\ncpu w', '4 InvalidLine char 5', '7 InvalidLine char 5');
  // The rest of a bad line is passed with its strings whole; a string without an end is passed up to the end of its line.
  refuse('cpu v=x,w="a\nb",u="c\n" 1\ncpu v', '1 InvalidNumber v', '4 InvalidLine char 5');
  refuse('cpu v="x\ncpu v=y', '1 InvalidLine v', '2 InvalidNumber v');
  it('too many fields', () => {
    const line = (count: number): string => `cpu ${Array.from({ length: count }, (_, i) => `f${i}=1`).join()}\n`;
    assert.equal(decode(line(maxFieldsPerSeries)).points, 1);
    assert.deepEqual(
      decode(`${line(maxFieldsPerSeries)}cpu g=1`).faults.map(({ line, code }) => [line, code]),
      [[2, 'TooManyFields']],
    );
    assert.equal(decode(line(maxFieldsPerSeries + 1)).faults[0]?.code, 'TooManyFields');
  });
  it('too many tags', () => {
    const line = (count: number): string => `cpu${Array.from({ length: count }, (_, i) => `,t${i}=1`).join('')} v=1\n`;
    assert.equal(decode(line(maxTagsPerSeries)).points, 1);
    assert.equal(decode(`${line(maxTagsPerSeries)}cpu,u=1 v=1`).faults[0]?.code, 'TooManyFields');
    assert.equal(decode(line(maxTagsPerSeries + 1)).faults[0]?.code, 'TooManyFields');
  });
  it('the first hundred are named, all are counted', () => {
    const batch = decode('cpu v=1\ncpu v\n'.repeat(250));
    assert.equal(batch.faults.length, 100);
    assert.equal(batch.faults[99]!.line, 200);
    assert.deepEqual([batch.faultCount, batch.lines, batch.parts], [250, 500, []]);
  });
});
