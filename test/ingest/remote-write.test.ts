import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { snappyCompress } from 'hyparquet-writer/src/snappy.js';
import { unpackSnappy } from '../../src/base/snappy.ts';
import { decodeRemoteWrite } from '../../src/ingest/remote-write.ts';
import { pointsOf, record } from './points.ts';
import { bytesField, double, type PromSeries, request, varint } from './write-request.ts';

const decode = (body: Buffer, partial = true) => decodeRemoteWrite(body, { precision: 'ms', nowNs: 0n, partial });

/** The points of the request are these, as `series tags time value`, and its faults, as `line column code`. */
function check(
  title: string,
  series: readonly PromSeries[],
  points: string[],
  faults: string[] = [],
  withoutValue = 0,
) {
  test(title, () => {
    const batch = decode(request(series));
    assert.deepEqual(
      pointsOf(batch).map((p) => `${p.series} ${JSON.stringify(p.tags)} ${p.time} ${p.fields['value']}`),
      points,
    );
    assert.deepEqual(
      batch.faults.map(({ line, column, code }) => `${line} ${column} ${code}`),
      faults,
    );
    assert.equal(batch.withoutValue, withoutValue);
    assert.equal(batch.points + batch.faultCount + withoutValue, batch.lines);
    for (const { keys, keyCount, row } of batch.parts) {
      assert.equal(new Set(row).size, keyCount);
      for (const values of keys) assert.ok(values.some((value) => value !== ''));
    }
  });
}

/** Prometheus' value.StaleNaN, least byte first. */
const staleMarker = Buffer.from('020000000000f07f', 'hex');
const up = { __name__: 'up', job: 'a', instance: 'h:1' };

describe('remote write', () => {
  check(
    'series, tags and times',
    [
      {
        labels: up,
        samples: [
          [1, 1_700_000_000_123n],
          [0.5, -1n],
        ],
      },
      { labels: { job: 'b', __name__: 'up', none: '' }, samples: [[-2, 5n]] },
      { labels: { __name__: 'http requests:µ', le: '+Inf' }, samples: [[1e300, 0n]] },
    ],
    [
      'up {"instance":"h:1","job":"a"} 1700000000123000000 1',
      'up {"instance":"h:1","job":"a"} -1000000 0.5',
      'up {"job":"b"} 5000000 -2',
      'http requests:µ {"le":"+Inf"} 0 1e+300',
    ],
  );
  check(
    'no value: the marker of a series that ended, and any other NaN; its tag set is not made',
    [
      {
        labels: up,
        samples: [
          [1, 1n],
          [Number.NaN, 2n],
        ],
      },
      { labels: { ...up, job: 'gone' }, samples: [[staleMarker, 3n]] },
    ],
    ['up {"instance":"h:1","job":"a"} 1000000 1'],
    [],
    2,
  );
  check(
    'samples that cannot be stored',
    [
      {
        labels: up,
        samples: [
          [Infinity, 1n],
          [1, 9_300_000_000_000n],
          [1, -8_300_000_000_000n],
          [2, 4n],
        ],
      },
      { labels: { job: 'a' }, samples: [[1, 1n]] },
      { labels: { ...up, time: 'x' }, samples: [[1, 1n]] },
      { labels: { ...up, job: 'x'.repeat(1_025) }, samples: [[1, 1n]] },
      {
        labels: [
          ['__name__', 'up'],
          ['a', '1'],
          ['a', '2'],
        ],
        samples: [[1, 1n]],
      },
      { labels: { __name__: '' }, samples: [[1, 1n]] },
      {
        labels: [
          ['__name__', 'up'],
          ['a', Buffer.of(0xff)],
        ],
        samples: [[1, 1n]],
      },
      { labels: up, samples: [], others: 2 },
    ],
    ['up {"instance":"h:1","job":"a"} 4000000 2'],
    [
      '1 value NotFinite',
      '2 time TimeOutOfRange',
      '3 time TimeOutOfRange',
      '5 __name__ InvalidPoint',
      '6 time InvalidName',
      '7 job ValueTooLong',
      '8 a DuplicateTag',
      '9 undefined InvalidName',
      '10 a InvalidUtf8',
      '11 undefined InvalidPoint',
      '12 undefined InvalidPoint',
    ],
  );
  check(
    'a label that is called as the field',
    [{ labels: { ...up, value: 'x' }, samples: [[1, 1n]] }],
    [],
    ['1 value TagFieldClash'],
  );
  check('an empty request', [], []);

  test('fields in another order, metadata and unknown fields', () => {
    const sample = bytesField(2, Buffer.concat([varint(0x10), varint(7n), varint(9), double(3)]));
    const label = bytesField(
      1,
      Buffer.concat([bytesField(2, Buffer.from('m')), bytesField(1, Buffer.from('__name__'))]),
    );
    const unknown = Buffer.concat([
      varint(0x7d),
      Buffer.alloc(4),
      varint(0x79),
      Buffer.alloc(8),
      varint(0x70),
      varint(300),
    ]);
    const metadata = bytesField(3, Buffer.from('anything'));
    const body = Buffer.concat([metadata, bytesField(1, Buffer.concat([sample, unknown, label])), unknown]);
    assert.deepEqual(
      pointsOf(decode(body)).map(({ series, time, fields }) => [series, time, fields]),
      [['m', 7_000_000n, record([['value', 3]])]],
    );
  });

  test('bytes that are no request, or are cut off, are refused; none hangs or breaks', () => {
    const whole = request([{ labels: up, samples: [[1, 1n]] }]);
    for (let end = 1; end < whole.length; end++)
      assert.throws(() => decode(whole.subarray(0, end)), { code: 'InvalidPoints' }, `${end}`);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat(whole.length - 1), fc.nat(255), (noise, at, byte) => {
        for (const body of [Buffer.from(noise), Buffer.from(whole.with(at, byte))]) {
          try {
            decode(body);
          } catch (error) {
            assert.equal((error as { code?: string }).code, 'InvalidPoints', String(error));
          }
        }
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('snappy', () => {
  test('unpacks what others pack', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.integer({ min: 1, max: 400 }), (bytes, times) => {
        const body = Buffer.concat(Array.from({ length: times }, () => bytes));
        assert.deepEqual(unpackSnappy(Buffer.from(snappyCompress(body)), body.length), body);
      }),
      { numRuns: 200 },
    );
  });

  // Worked out by hand after the format's description.
  for (const [hex, text] of [
    ['00', ''],
    ['03 08 616263', 'abc'],
    ['07 08 616263 01 03', 'abcabca'],
    ['09 00 61 11 01', 'aaaaaaaaa'],
    ['06 08 616263 0a 0300', 'abcabc'],
    ['06 08 616263 0b 03000000', 'abcabc'],
    ['03 f0 02 616263', 'abc'],
    ['03 fc 02000000 616263', 'abc'],
  ] as const) {
    test(hex, () => assert.equal(unpackSnappy(Buffer.from(hex.replaceAll(' ', ''), 'hex'), 100).toString(), text));
  }

  for (const [hex, error] of [
    ['', SyntaxError],
    ['80', SyntaxError],
    ['8080808080 00', SyntaxError],
    ['ffffffff0f 00', RangeError],
    ['65 00 61', RangeError],
    ['03 08 6162', SyntaxError],
    ['02 08 616263', SyntaxError],
    ['04 08 616263', SyntaxError],
    ['07 08 616263 01 04', SyntaxError],
    ['07 08 616263 01 00', SyntaxError],
    ['06 08 616263 01 03', SyntaxError],
    ['06 08 616263 0a 03', SyntaxError],
    ['0a fc faffffff 00000000', SyntaxError],
    ['06 08 616263 0b ffffffff', SyntaxError],
  ] as const) {
    test(`refuses ${hex}`, () => {
      assert.throws(() => unpackSnappy(Buffer.from(hex.replaceAll(' ', ''), 'hex'), 100), error);
    });
  }
});
