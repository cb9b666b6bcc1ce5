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
    const medians = await alternate(bench, targets, shape, bench.options.data, `${shape.name} ${state}`);
    for (const [target, p50Ms] of medians) measures.add(target, `${shape.name} ${state}`, 'ms', 'lower', p50Ms);
    bench.progress(
      `queries: ${shape.name} ${state}: ${[...medians].map(([name, ms]) => `${name} ${ms.toFixed(2)} ms`).join(', ')}`,
    );
  }
}
