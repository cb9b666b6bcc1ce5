import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { EngineError } from '../../../src/kdb/engine-error.ts';
import { Permanent, Postponed, SliceOver } from '../../../workers/kinds/kind.ts';
import { type ImportReply, importBench, type RunOptions } from './import-run.ts';

const rows = 45_000;
// One point of two is written twice, in different chunks: the later value is the one that stays.
const line = (i: number): string => `${(i % 30_000) * 1_000},h${i % 7},${i}`;
const csv = Buffer.from(
  `time,host,v\n${Array.from({ length: rows }, (_, i) => (i === 20_500 ? 'bad,row' : line(i))).join('\n')}\n`,
);
const params = { series: 'cpu', tagColumns: ['host'], maxRejects: 10 } as const;

function expected(): object[] {
  const values = new Map<string, { time: bigint; host: string; v: number }>();
  for (let i = 0; i < rows; i++) {
    if (i === 20_500) continue;
    const [time, host] = line(i).split(',') as [string, string];
    values.set(`${time} ${host}`, { time: BigInt(time), host, v: i });
  }
  return sorted([...values.values()]);
}

function sorted(points: readonly object[]): object[] {
  const byKey = (point: object): string => {
    const { time, host } = point as { time: bigint; host: string };
    return `${String(time).padStart(20, '0')} ${host}`;
  };
  return points.toSorted((a, b) => (byKey(a) < byKey(b) ? -1 : 1));
}

for (const [name, bytes] of [
  ['plain', csv],
  ['packed', gzipSync(csv)],
] as const) {
  test(`an import that dies at every step ends with the same points: ${name}`, async (t) => {
    const bench = await importBench(t);
    const checkpoint: RunOptions['checkpoint'] = { value: null };
    const options = { taskId: 't-dying', checkpoint };
    let result: ImportReply;
    let deaths = 0;
    // Each life does one chunk more than the last checkpoint, of which it dies before or after the database has it.
    for (let life = 0; result === undefined; life++) {
      let inserts = 0;
      const insert: RunOptions['insert'] = async (batch) => {
        inserts += 1;
        if (life < 8 && inserts > life % 3 && life % 2 === 0) throw new Error('killed before');
        const receipt = await bench.store.insert(batch);
        if (life < 8 && inserts > life % 3) throw new Error('killed after');
        return receipt;
      };
      try {
        result = await bench.importFile('file', bytes, params, { ...options, insert });
      } catch (error) {
        assert.match((error as Error).message, /killed/);
        // A real death saves nothing at its end: half of them go back to the beginning.
        if (life % 4 === 1) checkpoint.value = null;
        deaths += 1;
      }
    }
    assert.ok(deaths >= 4, `${deaths} deaths`);
    assert.deepEqual(result, {
      format: 'csv',
      compression: name === 'plain' ? 'none' : 'gzip',
      rows: rows - 1,
      rejected: 1,
    });
    assert.deepEqual(sorted(await bench.points('cpu')), expected());
    const rejects = (await bench.text('imports/db-1/t-dying/rejects.ndjson'))
      .trimEnd()
      .split('\n')
      .map((text) => JSON.parse(text));
    assert.equal(rejects.length, 1);
    assert.deepEqual([rejects[0].line, rejects[0].code, rejects[0].raw], [20_502, 'InvalidTimestamp', 'bad,row']);
  });
}

test('more bad rows than allowed: nothing of their chunk is applied, and the message says what is', async (t) => {
  const { importFile, points, text } = await importBench(t);
  await assert.rejects(
    importFile('file', csv, { ...params, maxRejects: 0 }, { taskId: 'strict' }),
    (error: Error) =>
      error instanceof Permanent && /line 20502.*20000 good rows before line 20002 are imported/.test(error.message),
  );
  assert.equal((await points('cpu')).length, 20_000);
  assert.match(await text('imports/db-1/strict/rejects.ndjson'), /"line":20502/);
});

test('a type that others changed meanwhile makes bad rows', async (t) => {
  const { importFile, store, points, text } = await importBench(t);
  await store.define({ series: 'cpu', tags: [], fields: [{ name: 'v', type: 'string' }] });
  const body = Buffer.from('cpu v="x" 1\ncpu v=1.5 2\ncpu w=2 3\n');
  const result = await importFile(
    'file',
    Buffer.from('cpu w=1 1\ncpu v=1.5 2\ncpu w=2 3\n'),
    { maxRejects: 1 },
    { taskId: 't' },
  );
  assert.deepEqual([result.rows, result.rejected], [2, 1]);
  assert.match(await text('imports/db-1/t/rejects.ndjson'), /"line":2,.*FieldTypeClash.*"raw":"cpu v=1.5 2"/);
  assert.equal((await points('cpu')).length, 2);
  await assert.rejects(importFile('other', body, {}), Permanent);
});

test('an overloaded database is waited for, a slice ends at a checkpoint', async (t) => {
  const { importFile, points, store } = await importBench(t);
  let refusals = 3;
  const insert: RunOptions['insert'] = async (batch) => {
    if (refusals-- > 0) throw new EngineError('EngineBusy');
    return store.insert(batch);
  };
  const checkpoint: RunOptions['checkpoint'] = { value: null };
  let looks = 0;
  const sliceOver = (): boolean => ++looks > 2;
  await assert.rejects(importFile('file', csv, params, { taskId: 's', checkpoint, insert, sliceOver }), SliceOver);
  assert.equal((await points('cpu')).length, 20_000);
  await importFile('file', csv, params, { taskId: 's', checkpoint });
  assert.equal((await points('cpu')).length, expected().length);
});

test('an upload waits for its start', async (t) => {
  const { run, objects, points } = await importBench(t);
  const options = { taskId: 'up' };
  await assert.rejects(run({ source: { upload: true } }, options), Postponed);
  await objects.put('imports/db-1/up/part-00001', 'cpu v=1 1\ncp');
  await objects.put('imports/db-1/up/part-00002', 'u v=2 2\n');
  const parts = [2, 1].map((number) => ({ number, bytes: number === 1 ? 12 : 8 }));
  await objects.put('imports/db-1/up/started', JSON.stringify({ parts }));
  assert.equal((await run({ source: { upload: true } }, options)).rows, 2);
  assert.deepEqual(await points('cpu'), [
    { time: 1n, v: 1 },
    { time: 2n, v: 2 },
  ]);
});

test('parts stay until they are imported: after a dry run, after it was given up or cancelled', async (t) => {
  const { run, objects, points, counted } = await importBench(t);
  const keys = async (): Promise<string[]> => {
    const found: string[] = [];
    for await (const { key } of objects.list('imports/db-1/up/')) found.push(key.slice('imports/db-1/up/'.length));
    return found;
  };
  const source = { upload: true } as const;
  await objects.put('imports/db-1/up/part-00001', 'cpu v=1 1\ncpu v=2 2\n');
  await objects.put('imports/db-1/up/started', JSON.stringify({ parts: [{ number: 1, bytes: 20 }] }));
  const parts = ['part-00001', 'started'];
  assert.equal((await run({ source, dryRun: true }, { taskId: 'up' })).rowsRead, 2);
  assert.deepEqual(await keys(), parts);
  for (const end of ['giveUp', 'cancel'] as const) await run({ source }, { taskId: 'up', end });
  assert.deepEqual(await keys(), parts);
  // Another import may name them.
  assert.equal((await run({ source: { upload: 'up' } }, { taskId: 'other' })).rows, 2);
  assert.deepEqual(await keys(), parts);
  assert.equal((await run({ source }, { taskId: 'up' })).rows, 2);
  assert.deepEqual([await keys(), (await points('cpu')).length, counted()], [[], 2, 4]);
  await assert.rejects(run({ source: { upload: 'up' } }, { taskId: 'third' }), Permanent);
});

for (const end of ['giveUp', 'cancel'] as const) {
  test(`bad rows that were found before ${end} can be looked at`, async (t) => {
    const bench = await importBench(t);
    const insert: RunOptions['insert'] = async (batch) => {
      if (batch.parts[0]!.timeNs.includes(20_999_000n)) throw new Error('gone');
      return bench.store.insert(batch);
    };
    await assert.rejects(bench.importFile('file', csv, params, { taskId: 'x', insert }), /gone/);
    assert.equal(await bench.objects.head('imports/db-1/x/rejects.ndjson'), undefined);
    await bench.run({ source: { object: 'file' } }, { taskId: 'x', end });
    assert.match(await bench.text('imports/db-1/x/rejects.ndjson'), /^{"line":20502,.*"raw":"bad,row"}\n$/);
  });
}
