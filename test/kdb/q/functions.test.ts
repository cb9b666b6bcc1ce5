// The functions of kdb/q that only compute, run by the interpreter and compared with the same thing said in BigInts and Buffers.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { until } from '../../until.ts';
import { apply } from './interpreter/apply.ts';
import { createMachine, load } from './interpreter/interpreter.ts';
import { readings } from './interpreter/lists.ts';
import { chars, float, list, long, longs, type Q, Signal, symbol, symbols, vector } from './interpreter/values.ts';

const folder = join(import.meta.dirname, '../../../kdb/q');
readings.doesDoubtSignal = true;
const machine = createMachine();
for (const file of ['catalogue', 'journal', 'memory', 'parts', 'filters', 'aggregates', 'query'])
  load(machine, readFileSync(join(folder, `${file}.q`), 'latin1'));

const call = (name: string, ...args: Q[]): Q => apply(machine.value(name), args);
const signalled = (run: () => Q): string => {
  try {
    run();
  } catch (error) {
    if (error instanceof Signal) return error.text;
    throw error;
  }
  return '';
};
const cellsOf = (x: Q): unknown[] => Array.from((x as { v: ArrayLike<unknown> }).v);
const floats = (given: readonly number[]): Q => vector(9, Float64Array.from(given));
const ints = (given: readonly number[]): Q => vector(6, Int32Array.from(given));
const textsOf = (given: readonly string[]): Q => list(given.map(chars));

/** The same numbers each time. */
let seed = 20_261_122;
const random = (below: number): number => {
  seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fffffff;
  return seed % below;
};
const pickOf = <T>(given: readonly T[]): T => given[random(given.length)]!;
const least = -(2n ** 63n) + 1n;
const most = 2n ** 63n - 1n;

test('what is started has its lock, and nothing else that its starter has open', async (t) => {
  const home = mkdtempSync(join(tmpdir(), 'tsg-started-'));
  t.after(() => rmSync(home, { recursive: true }));
  const [lock, log, seen] = ['lock', 'log', "it's seen"].map((name) => join(home, name)) as [string, string, string];
  const own = createMachine();
  let started = '';
  own.world = {
    ...own.world,
    system(text) {
      started = text;
      return list([]);
    },
  };
  const text = readFileSync(join(folder, 'tsg.q'), 'latin1');
  load(own, text.slice(text.indexOf('.tsg.quoted:'), text.indexOf('.tsg.loadScript each')));
  const path = (name: string): Q => symbol(`:${name}`);
  const command = chars(`ls -l /proc/$$/fd > "${seen}"; until test ! -e '${lock}'; do sleep 0.02; done`);
  apply(own.value('.tsg.startShell'), [path(lock), command, path(log)]);
  const isFree = (): boolean => spawnSync('flock', ['-n', lock, 'true']).status === 0;
  // As q runs it: its output goes to a file. Descriptors up to 12 are open.
  const start = () =>
    spawnSync('sh', ['-c', `${started} > ${join(home, 'out')}`], { stdio: ['ignore', ...Array(12).fill('pipe')] });
  assert.equal(start().status, 0);
  assert.ok(!isFree());
  assert.notEqual(start().status, 0);
  await until('it runs', () => existsSync(seen) && readFileSync(seen, 'utf8').includes(lock));
  const open = readFileSync(seen, 'utf8').matchAll(/ (\d+) -> (.*)$/gm);
  const others = [...open].filter(([, descriptor, at]) => Number(descriptor) > 2 && at !== lock && at !== seen);
  assert.deepEqual(
    others.map(([whole]) => whole),
    [],
  );
  renameSync(lock, `${lock}-away`);
  await until('it ends', () => spawnSync('flock', ['-n', `${lock}-away`, 'true']).status === 0);
});

test('text is UTF-8 or is not', () => {
  const edges = [
    0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xed, 0xef, 0xf0, 0xf3,
    0xf4, 0xf5, 0xff,
  ];
  const decoder = new TextDecoder('utf8', { fatal: true });
  for (let i = 0; i < 2000; i++) {
    const bytes = Buffer.from(Array.from({ length: 1 + random(5) }, () => pickOf(edges)));
    let expected = 1;
    try {
      decoder.decode(bytes);
    } catch {
      expected = 0;
    }
    assert.equal(
      (call('.tsg.isUtf8', vector(10, new Uint8Array(bytes))) as { v: number }).v,
      expected,
      bytes.toString('hex'),
    );
  }
});

test('a bucket begins at or before its times, also where time - origin would wrap', () => {
  const times = [0n, 1n, -1n, 999n, -999n, 1000n, most - 1n, least + 946_684_800_000_000_000n, 86_400_000_000_000n];
  const widths = [1n, 7n, 1000n, 86_400_000_000_000n, 2n ** 62n, most];
  const origins = [0n, 1n, -1n, 500n, -(2n ** 62n), 2n ** 62n, most, least];
  for (const width of widths)
    for (const origin of origins) {
      const starts = cellsOf(
        call('.tsg.bucketStart', list([symbol('width'), long(width), long(origin)]), longs(times)),
      );
      for (const [i, time] of times.entries()) {
        const offset = (((time - origin) % width) + width) % width;
        const exact = time - offset;
        assert.equal(starts[i], exact < least ? least : exact, `width ${width}, origin ${origin}, time ${time}`);
      }
    }
  const edges = list([symbol('edges'), longs([10, 20, 40])]);
  assert.deepEqual(cellsOf(call('.tsg.bucketStart', edges, longs([9, 10, 19, 20, 39, 40]))), [
    -(2n ** 63n),
    10n,
    10n,
    20n,
    20n,
    -(2n ** 63n),
  ]);
});

test('sums of longs are exact or are refused', () => {
  const given = [0n, 1n, -1n, most, least, 2n ** 62n, -(2n ** 62n), 4_294_967_296n, -4_294_967_297n];
  for (let i = 0; i < 500; i++) {
    const items = Array.from({ length: 1 + random(5) }, () => pickOf(given));
    const exact = items.reduce((a, b) => a + b, 0n);
    const run = (): Q => call('.tsg.sumLongs', symbol('n'), longs([...items, -(2n ** 63n)]));
    if (exact > most || exact < least) assert.equal(signalled(run), 'LongOverflow\tn', String(items));
    else assert.equal((run() as { v: bigint }).v, exact, String(items));
  }
});

test('values are below, at or above a constant exactly', () => {
  const wholes = [
    0n,
    1n,
    -1n,
    2n ** 53n,
    2n ** 53n + 1n,
    -(2n ** 53n) - 1n,
    2n ** 62n + 1n,
    most,
    most - 1n,
    least,
    least + 1n,
    9_007_199_254_740_993n,
  ];
  const reals = [
    0,
    1,
    -1,
    0.5,
    -0.5,
    1 + 2 ** -52,
    1 - 2 ** -53,
    2 ** 53,
    2 ** 53 + 2,
    2 ** 62,
    2 ** 63,
    -(2 ** 63),
    1e300,
    -1e300,
    9.2233720368547748e18,
    5e-324,
  ];
  const signOf = (a: bigint | number, b: bigint | number): number => (a < b ? -1 : a > b ? 1 : 0);
  const check = (column: Q, constant: Q, left: readonly (bigint | number)[], right: bigint | number): void => {
    const signs = cellsOf(call('.tsg.signs', column, constant));
    for (const [i, value] of left.entries()) assert.equal(signs[i], signOf(value, right), `${value} and ${right}`);
  };
  for (const constant of wholes) {
    check(longs(wholes), long(constant), wholes, constant);
    check(floats(reals), long(constant), reals, constant);
  }
  for (const constant of reals) {
    check(floats(reals), float(constant), reals, constant);
    check(longs(wholes), float(constant), wholes, constant);
  }
  const texts = ['', 'a', 'aa', 'ab', 'b', 'é', 'z', '\u{1F600}', 'a b'].map((text) =>
    Buffer.from(text).toString('latin1'),
  );
  for (const constant of texts) {
    const signs = cellsOf(call('.tsg.signs', textsOf(texts.map((text) => ` ${text}`)), chars(constant)));
    for (const [i, text] of texts.entries())
      assert.equal(
        signs[i],
        Buffer.compare(Buffer.from(text, 'latin1'), Buffer.from(constant, 'latin1')),
        `${text} and ${constant}`,
      );
  }
});

test('a tag set has one key, whatever the order of its tags, and no other set has it', () => {
  const values = ['', 'a', '1:a', ';', 'a;1:1:b', ' ', ' a', 'a ', '0', '10', '`'];
  const seen = new Map<string, string>();
  for (const one of values)
    for (const two of values) {
      const all = symbols(['p', 'q']);
      const key = (tags: string[], columns: string[]): string =>
        cellsOf(
          call('.tsg.keysOf', all, symbols(tags), list(columns.map((value) => symbols([value]))), long(1)),
        )[0] as string;
      const found = key(['p', 'q'], [one, two]);
      assert.equal(key(['q', 'p'], [two, one]), found);
      if (two === '') assert.equal(key(['p'], [one]), found);
      const set = JSON.stringify([one, two]);
      assert.equal(seen.get(found) ?? set, set);
      seen.set(found, set);
    }
  assert.deepEqual(cellsOf(call('.tsg.keysOf', symbols(['p']), symbols([]), list([]), long(2))), ['', '']);
});

test('rows are late when they are not newer than their tag set is', () => {
  for (let round = 0; round < 50; round++) {
    const rows = 1 + random(8);
    const ids = Array.from({ length: rows }, () => random(3));
    const times = Array.from({ length: rows }, () => BigInt(random(6)));
    const known = [-(2n ** 63n), 2n, 4n];
    const newest = [...known];
    const expected = ids.map((id, row) => {
      const isLate = times[row]! <= newest[id]!;
      if (!isLate) newest[id] = times[row]!;
      return isLate ? 1 : 0;
    });
    const late = call('.tsg.isLate', longs(ids.map((id) => known[id]!)), ints(ids), longs(times));
    assert.deepEqual(cellsOf(late), expected, JSON.stringify({ ids, times: times.map(String) }));
  }
});

test('late rows are laid over stored ones: later wins, null never erases', () => {
  const nothing = Number.NaN;
  const run = (stored: [number, number, number][], late: [number, number, number][]): Map<string, number> => {
    const table = (rows: [number, number, number][]): Q => ({
      kind: 'table',
      t: 98,
      names: ['id', 'time', 'f0'],
      columns: [ints(rows.map((row) => row[0])), longs(rows.map((row) => row[1])), floats(rows.map((row) => row[2]))],
      a: '',
    });
    const result = call('.tsg.resolve', table(stored), table(late)) as unknown as { names: string[]; columns: Q[] };
    assert.deepEqual(result.names, ['id', 'time', 'f0']);
    const [ids, times, values] = result.columns.map(cellsOf) as [number[], bigint[], number[]];
    assert.equal(new Set(ids.map((id, row) => `${id} ${times[row]}`)).size, ids.length);
    return new Map(ids.map((id, row) => [`${id} ${times[row]}`, values[row]!]));
  };
  for (let round = 0; round < 50; round++) {
    const points = Array.from({ length: 6 }, () => [random(2), random(3)] as const);
    const row = (): [number, number, number] => [...pickOf(points), random(3) === 0 ? nothing : random(100)];
    const stored = [
      ...new Map(
        points.map(([id, time]) => [`${id} ${time}`, [id, time, random(100)] as [number, number, number]]),
      ).values(),
    ].slice(0, 3);
    const late = Array.from({ length: random(6) }, row);
    const expected = new Map<string, number>();
    for (const [id, time, value] of [...stored, ...late]) {
      const key = `${id} ${time}`;
      expected.set(key, Number.isNaN(value) ? (expected.get(key) ?? nothing) : value);
    }
    assert.deepEqual(new Map([...run(stored, late)].sort()), new Map([...expected].sort()));
  }
});

test('strings go to the wire as lengths and bytes', () => {
  const wire = (given: readonly string[]): unknown[] => {
    const [validity, lengths, bytes] = (call('.tsg.encodeTexts', textsOf(given)) as unknown as { v: Q[] }).v;
    return [
      validity!.t === 1 ? cellsOf(validity!) : undefined,
      cellsOf(lengths!),
      Buffer.from(cellsOf(bytes!) as number[]).toString(),
      lengths!.t,
      bytes!.t,
    ];
  };
  assert.deepEqual(wire([' a', ' ', ' bc']), [undefined, [1, 0, 2], 'abc', 6, 10]);
  assert.deepEqual(wire([' a', '', ' bc']), [[1, 0, 1], [1, 0, 2], 'abc', 6, 10]);
  assert.deepEqual(wire(['', '']), [[0, 0], [0, 0], '', 6, 10]);
  assert.deepEqual(wire([' a']), [undefined, [1], 'a', 6, 10]);
  assert.deepEqual(wire([]), [undefined, [], '', 6, 10]);
});
