import type { Bench } from '../bench.ts';
import { ingestConnections, send } from '../ingest-load.ts';
import { closedLoop, openLoop } from '../load.ts';
import { type Measure, Measures } from '../measure.ts';
import { cpuMaxAll8, doubleGroupby, queries, singleGroupby, singleGroupby8 } from '../shapes.ts';
import { latency } from '../statistics.ts';
import type { Target } from '../targets/target.ts';
import { bodies, type DataSet, endS, linesPerBody, rowsOf } from '../tsbs.ts';

const seconds = 8;
/** Of the target's own top rate. */
const share = 0.5;

/** Queries of four shapes on one connection while lines come in at half of the rate that the target can take. */
export async function mixed(bench: Bench): Promise<Measure[]> {
  const measures = new Measures('mixed');
  const history = [...bodies(bench.options.data)];
  for (const start of bench.starts) {
    await bench.withTarget(start, async (target) => {
      bench.progress(`mixed: ${target.name}`);
      await measure(target, bench.options.data, history, measures);
    });
  }
  return measures.list();
}

async function measure(
  target: Target,
  data: DataSet,
  history: readonly { readonly body: Buffer }[],
  measures: Measures,
): Promise<void> {
  const rowsPerS = rowsOf(data) / (await send(target, history)).seconds;
  await target.rest();
  const ratePerS = (share * rowsPerS) / linesPerBody;
  const count = Math.ceil(ratePerS * seconds);
  const following = { ...data, fromS: endS(data), steps: Math.ceil((count * linesPerBody) / data.hosts) };
  const ready = [...bodies(following)].map(({ body }) => target.write(body));
  const asked = [singleGroupby, singleGroupby8, cpuMaxAll8, doubleGroupby].map((shape) => ({
    shape,
    messages: queries(shape, data, 50, 11).map((query) => target.query(query)),
  }));

  let sent = 0;
  let ingesting = true;
  const ingest = openLoop(target.address, ingestConnections, { ratePerS, count, next: () => ready[sent++]! }).finally(
    () => {
      ingesting = false;
    },
  );
  let queried = 0;
  const query = closedLoop(target.address, 1, () => {
    const i = queried++;
    return ingesting ? asked[i % asked.length]!.messages[Math.floor(i / asked.length) % 50]! : null;
  });
  const [written, read] = await Promise.all([ingest, query]);

  measures.add(target.name, 'ingest rate', 'rows/s', 'higher', ratePerS * linesPerBody);
  measures.add(target.name, 'ingest p99', 'ms', 'lower', latency(written.timesMs).p99Ms);
  measures.add(target.name, 'queries', '1/s', 'higher', read.timesMs.length / read.seconds);
  for (const [i, { shape }] of asked.entries()) {
    const timesMs = read.timesMs.filter((_, at) => at % asked.length === i);
    measures.add(target.name, `${shape.name} p99`, 'ms', 'lower', latency(timesMs).p99Ms);
  }
}
