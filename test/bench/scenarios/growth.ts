import { alternate } from '../alternate.ts';
import type { Bench } from '../bench.ts';
import { load } from '../ingest-load.ts';
import { type Measure, Measures } from '../measure.ts';
import { cpuMaxAll8, doubleGroupby, type Shape, singleGroupby } from '../shapes.ts';
import type { Target } from '../targets/target.ts';
import { type DataSet, endS, stepsPerDay } from '../tsbs.ts';

/** The same queries of the same range, while there is more and more data that they do not touch. */
export async function growth(bench: Bench): Promise<Measure[]> {
  const measures = new Measures('growth');
  await moreDays(bench, measures);
  await moreHosts(bench, measures);
  return measures.list();
}

const days = [1, 5, 20];

async function moreDays(bench: Bench, measures: Measures): Promise<void> {
  const { data, full } = bench.options;
  const hosts = full ? 100 : 20;
  const firstDay: DataSet = { seed: data.seed, hosts, steps: stepsPerDay };
  await bench.withTargets(async (targets) => {
    let loadedDays = 0;
    for (const upTo of days) {
      for (const target of targets) {
        bench.progress(`growth: ${hosts} hosts, ${upTo} days, ${target.name}`);
        for (let day = loadedDays; day < upTo; day++)
          await load(target, { ...firstDay, fromS: endS(firstDay) + (day - 1) * 86_400 });
        await target.flush();
        await target.restart();
      }
      loadedDays = upTo;
      const label = `${hosts} hosts, ${upTo} day${upTo > 1 ? 's' : ''}`;
      await measure(bench, targets, [singleGroupby, cpuMaxAll8, doubleGroupby], firstDay, label, measures);
    }
  });
}

/** A quarter of an hour of one host. */
const shortGroupby: Shape = { ...singleGroupby, name: 'single-groupby-1-1-1 of 15 min', windowS: 900 };

async function moreHosts(bench: Bench, measures: Measures): Promise<void> {
  const { data, full } = bench.options;
  for (const hosts of [100, 10_000]) {
    const dataSet: DataSet = { seed: data.seed, hosts, steps: full ? 360 : 90 };
    await bench.withTargets(async (targets) => {
      for (const target of targets) {
        bench.progress(`growth: ${hosts} hosts, ${dataSet.steps} points each, ${target.name}`);
        await load(target, dataSet);
        await target.flush();
        await target.restart();
      }
      await measure(bench, targets, [shortGroupby], dataSet, `${hosts} hosts`, measures);
    });
  }
}

async function measure(
  bench: Bench,
  targets: readonly Target[],
  shapes: readonly Shape[],
  data: DataSet,
  label: string,
  measures: Measures,
): Promise<void> {
  for (const shape of shapes) {
    const costs = await alternate(bench, targets, shape, data, `${shape.name} ${label}`);
    for (const [name, { p50Ms }] of costs) measures.add(name, `${shape.name}, ${label}`, 'ms', 'lower', p50Ms);
  }
}
