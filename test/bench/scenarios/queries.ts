import { alternate } from '../alternate.ts';
import type { Bench } from '../bench.ts';
import { load } from '../ingest-load.ts';
import { type Measure, Measures } from '../measure.ts';
import { shapes } from '../shapes.ts';
import type { Target } from '../targets/target.ts';

/** The median time of every shape: hot, just after the data came in; cold, from the files after a restart. */
export async function queries(bench: Bench): Promise<Measure[]> {
  const measures = new Measures('queries');
  await bench.withTargets(async (targets) => {
    for (const target of targets) {
      bench.progress(`queries: loading ${target.name}`);
      await load(target, bench.options.data);
      await target.rest();
    }
    await measureAll(bench, targets, measures, 'hot');
    for (const target of targets) {
      await target.flush();
      await target.restart();
    }
    await measureAll(bench, targets, measures, 'cold');
  });
  return measures.list();
}

async function measureAll(
  bench: Bench,
  targets: readonly Target[],
  measures: Measures,
  state: 'hot' | 'cold',
): Promise<void> {
  for (const shape of shapes) {
    const label = `${shape.name} ${state}`;
    const costs = [...(await alternate(bench, targets, shape, bench.options.data, label))];
    for (const [target, { p50Ms, cpuMs }] of costs) {
      measures.add(target, label, 'ms', 'lower', p50Ms);
      measures.add(target, `${label}, CPU`, 'ms', 'lower', cpuMs);
    }
    bench.progress(
      `queries: ${label}: ${costs.map(([name, { p50Ms }]) => `${name} ${p50Ms.toFixed(2)} ms`).join(', ')}`,
    );
  }
}
