import assert from 'node:assert/strict';
import { test } from 'node:test';
import winston from 'winston';
import { batchOf, point } from '../../engines/points.ts';
import { openStore, volumesFor } from '../../engines/store-in-temp.ts';
import { until } from '../../until.ts';
import { pausingFiles } from './faulty-files.ts';

const minuteMs = 60_000;

test('rows are written into parts after a quarter of an hour, also where memory is never empty', async (t) => {
  let elapsedMs = 0;
  let looks = 0;
  let checkpoints = 0;
  const log = winston.createLogger({ silent: true });
  log.info = ((message: string) => {
    if (message === 'checkpoint') checkpoints++;
  }) as typeof log.info;
  const { files, reached, goOn } = pausingFiles((path) => path.includes('/manifest'));
  const store = await openStore(volumesFor(t, 1), {
    files,
    log,
    elapsedMs: () => {
      looks++;
      return elapsedMs;
    },
  });
  t.after(() => store.close());
  const give = (second: number) => store.insert(batchOf([point('m', {}, BigInt(second) * 1_000_000_000n, { f: 1 })]));
  const looked = async (times: number) => {
    const goal = looks + times;
    await until('upkeep to look', () => looks >= goal);
  };
  await give(1);
  elapsedMs = 14 * minuteMs;
  await looked(3);
  assert.equal(checkpoints, 0);
  elapsedMs = 16 * minuteMs;
  await reached;
  await give(2);
  goOn();
  await until('the checkpoint', () => checkpoints === 1);
  elapsedMs = 30 * minuteMs;
  await looked(5);
  assert.equal(checkpoints, 1);
  elapsedMs = 32 * minuteMs;
  await until('the next checkpoint', () => checkpoints === 2);
  assert.equal((await store.stats()).hotRows, 0n);
});
