import type { Bench } from '../bench.ts';
import { send } from '../ingest-load.ts';
import { type Measure, Measures } from '../measure.ts';
import { cpuSeconds, peakRssBytes } from '../processes.ts';
import { latency, median } from '../statistics.ts';
import type { Target } from '../targets/target.ts';
import { bodies, rowsOf } from '../tsbs.ts';

const runs = 3;

/** Line protocol, 4 connections × 5,000 lines. The targets take turns, one at a time, each run on a new one. */
export async function ingest(bench: Bench): Promise<Measure[]> {
  const { data } = bench.options;
  const ready = [...bodies(data)];
  const rows = rowsOf(data);
  const results = new Map<string, Result[]>();
  for (let run = 1; run <= runs; run++) {
    for (const start of bench.starts) {
      await bench.withTarget(start, async (target) => {
        const result = await ingestOnce(bench, target, ready, rows);
        bench.progress(`ingest ${run}/${runs} ${target.name}: ${Math.round(result.rowsPerS)} rows/s`);
        results.set(target.name, [...(results.get(target.name) ?? []), result]);
      });
    }
  }
  const measures = new Measures('ingest');
  for (const [name, all] of results) {
    const middle = (pick: (result: Result) => number): number => median(all.map(pick));
    measures.add(
      name,
      'rows',
      '1/s',
      'higher',
      middle((result) => result.rowsPerS),
    );
    measures.add(
      name,
      'CPU per million rows',
      's',
      'lower',
      middle((result) => result.cpuSPerMillion),
    );
    measures.add(
      name,
      'request p50',
      'ms',
      'lower',
      middle((result) => result.p50Ms),
    );
    measures.add(
      name,
      'request p99',
      'ms',
      'lower',
      middle((result) => result.p99Ms),
    );
    measures.add(
      name,
      'peak RSS',
      'MB',
      'lower',
      middle((result) => result.peakRssMb),
    );
    measures.add(
      name,
      'client CPU',
      's',
      'lower',
      middle((result) => result.clientCpuS),
    );
    measures.add(
      name,
      'disk per row',
      'bytes',
      'lower',
      middle((result) => result.bytesPerRow),
    );
  }
  return measures.list();
}

interface Result {
  readonly rowsPerS: number;
  readonly cpuSPerMillion: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly peakRssMb: number;
  /** Of this process: to see that it is not the bottleneck. */
  readonly clientCpuS: number;
  readonly bytesPerRow: number;
}

async function ingestOnce(
  bench: Bench,
  target: Target,
  ready: readonly { readonly body: Buffer }[],
  rows: number,
): Promise<Result> {
  const pids = target.pids();
  const cpuBeforeS = cpuSeconds(pids);
  const client = process.cpuUsage();
  const { seconds, timesMs } = await bench.profiled('ingest', [target], () => send(target, ready));
  const { user, system } = process.cpuUsage(client);
  const cpuS = cpuSeconds(pids) - cpuBeforeS;
  const peakRssMb = peakRssBytes(pids) / 1e6;
  await target.flush();
  // Some write the last of it only when they stop.
  await target.restart();
  return {
    rowsPerS: rows / seconds,
    cpuSPerMillion: cpuS / (rows / 1e6),
    ...latency(timesMs),
    peakRssMb,
    clientCpuS: (user + system) / 1e6,
    bytesPerRow: target.diskBytes() / rows,
  };
}
