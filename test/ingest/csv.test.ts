import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeCsv } from '../../src/ingest/csv.ts';
import { defaultTable, type TableOptions } from '../../src/ingest/table.ts';
import { pointsOf } from './points.ts';

const table = { ...defaultTable, series: 'cpu', tagColumns: ['h'] };

function decoded(body: string | Buffer, options: Partial<TableOptions> = {}): ReturnType<typeof decodeCsv> {
  return decodeCsv(Buffer.from(body), { precision: 's', nowNs: 0n, table: { ...table, ...options } });
}

const point = (line: number, fields: object, time = 1_000_000_000n, tags: object = { h: 'a' }): object => ({
  line,
  series: 'cpu',
  tags: Object.assign(Object.create(null), tags),
  fields: Object.assign(Object.create(null), fields),
  time,
});

const good: readonly (readonly [body: string, options: Partial<TableOptions>, ...points: object[]])[] = [
  ['time,h,v\n1,a,2', {}, point(2, { v: [2] })],
  ['\uFEFFtime,h,v\r\n1,a,2\r\n', {}, point(2, { v: [2] })],
  ['v;time;h\n2;1;a\n', { delimiter: ';' }, point(2, { v: [2] })],
  ['1,a,2\n', { columns: ['time', 'h', 'v'] }, point(1, { v: [2] })],
  ['"time","h","v"\n"1","a","2"\n', {}, point(2, { v: [2] })],
  ['time,h,b,s\n1,a,TRUE,x\n', {}, point(2, { b: true, s: 'x' })],
  ['time,h,v\n1,a,1\n1,a,\n\n1,a,x\n', { types: { v: 'string' } }, point(2, { v: '1' }), point(5, { v: 'x' })],
  ['time,h,v\n1,a,9007199254740993\n', {}, point(2, { v: 9007199254740993n })],
  ['time,h,v,w\n1,a,1,x\n', { types: { w: 'skip', v: 'long' } }, point(2, { v: 1n })],
  ['when,h,v\n1.5,a,1\n', { timeColumn: 'when' }, point(2, { v: [1] }, 1_500_000_000n)],
  [
    'time,h,v\n01.02.1970 00:00:01,a,1\n',
    { timeFormat: '%d.%m.%Y %H:%M:%S' },
    point(2, { v: [1] }, 2_678_401_000_000_000n),
  ],
  [
    'time,h,s\n1,a,"x\ny"\n1,"b\nc",z\n1,a,w\n',
    {},
    point(2, { s: 'x\ny' }),
    point(4, { s: 'z' }, 1_000_000_000n, { h: 'b\nc' }),
    point(6, { s: 'w' }),
  ],
];

for (const [body, options, ...points] of good) {
  test(`${JSON.stringify(body)} ${JSON.stringify(options)}`, () => {
    const batch = decoded(body, options);
    // A row that gives no field is a bad one.
    if (body.includes('\n1,a,\n')) {
      assert.deepEqual(
        batch.faults.map(({ line, code }) => [line, code]),
        [[3, 'MissingFields']],
      );
      return;
    }
    assert.deepEqual(batch.faults, []);
    assert.deepEqual(pointsOf(batch), points);
  });
}

const bad: readonly (readonly [body: string, line: number, code: string, column?: string])[] = [
  ['time,h,v\n1,a\n', 2, 'InvalidLine'],
  ['time,h,v\n1,a,1,1\n', 2, 'InvalidLine'],
  ['time,h,v\n1,"a"b,1\n', 2, 'InvalidLine'],
  ['time,h,v\n1,a,"1\n', 2, 'InvalidLine'],
  ['time,h,v\nx,a,1\n', 2, 'InvalidTimestamp', 'time'],
  [`${',h,v\n'.replace(',', 'time,')},a,1\n`, 2, 'InvalidTimestamp', 'time'],
  ['time,h,v\n99999999999999999,a,1\n', 2, 'TimeOutOfRange', 'time'],
  ['time,h,v\n1,a,1e999\n', 2, 'NotFinite', 'v'],
  [`time,h,v\n${'1,a,1\n'.repeat(1_000)}1,a,x\n`, 1_002, 'FieldTypeClash', 'v'],
];

for (const [body, line, code, column] of bad) {
  test(`${JSON.stringify(body.slice(0, 50))} is refused: ${code}`, () => {
    const { faults, faultCount, points } = decoded(body);
    assert.deepEqual(
      [faultCount, points, faults[0]!.line, faults[0]!.code, faults[0]!.column],
      [1, 0, line, code, column],
    );
  });
}

test('a row that is not UTF-8 is the only bad one', () => {
  const { faults } = decoded(Buffer.from('time,h,s\n1,a,x\n1,a,\xff\n1,a,y\n', 'latin1'));
  assert.deepEqual(
    faults.map(({ line, code }) => [line, code]),
    [[3, 'InvalidUtf8']],
  );
});

for (const [body, reason] of [
  ['', /no header/],
  ['a,b\n', /no column time/],
  ['time,v\n', /no column h/],
  ['time,h,v,v\n', /two columns v/],
  ['time,h,\n', /number 3/],
] as const) {
  test(`the header ${JSON.stringify(body)} is refused`, () => {
    assert.throws(() => decoded(body), { code: 'InvalidRequest', message: reason });
  });
}
