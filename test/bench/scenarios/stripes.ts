import type { Bench } from '../bench.ts';
import { load } from '../ingest-load.ts';
import { once } from '../load.ts';
import { type Measure, Measures } from '../measure.ts';
import { type Query, wholeDay } from '../shapes.ts';
import { slowVolumes } from '../slow-volumes.ts';
import { median } from '../statistics.ts';
import { ours, startOurs } from '../targets/ours.ts';
import type { Target } from '../targets/target.ts';
import { type DataSet, endS, fieldNames, startS, stepsPerDay } from '../tsbs.ts';

const volumeCounts = [1, 2, 4];
const days = 4;

/** Scans of one day and of all days, with nothing in the cache, over volumes that take a fixed time for a read. */
export async function stripes(bench: Bench): Promise<Measure[]> {
  const measures = new Measures('stripes');
  const data: DataSet = {
    seed: bench.options.data.seed,
    hosts: bench.options.full ? 100 : 40,
    steps: days * stepsPerDay,
  };
  for (const volumes of volumeCounts) {
    bench.progress(`stripes: ${volumes} volumes`);
    await bench.withTarget(startOurs({ volumes }), async (target) => {
      await load(target, data);
      await target.flush();
      for (const [label, scannedDays] of [
        ['one-day scan', 1],
        [`${days}-day scan`, days],
      ] as const) {
        // Whatever the other scan has read is to be read again.
        await target.restart();
        for (const each of target.profiled()) if (each.name === 'database') await slowVolumes(each);
        const timeMs = await scan(target, data, scannedDays);
        measures.add(ours, `${label}, ${volumes} volume${volumes > 1 ? 's' : ''}`, 'ms', 'lower', timeMs);
      }
    });
  }
  return measures.list();
}

/** The median over the fields: each is read for the first time. */
async function scan(target: Target, data: DataSet, scannedDays: number): Promise<number> {
  const timesMs: number[] = [];
  for (const field of fieldNames) {
    const untilS = Math.min(endS(data), startS + scannedDays * 86_400);
    const query: Query = { shape: wholeDay, fields: [field], hosts: null, fromS: startS, untilS };
    const sentMs = performance.now();
    await once(target.address, target.query(query));
    timesMs.push(performance.now() - sentMs);
  }
  return median(timesMs);
}
