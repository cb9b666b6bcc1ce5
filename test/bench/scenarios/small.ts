import type { Bench } from '../bench.ts';
import type { Message } from '../http.ts';
import { load } from '../ingest-load.ts';
import { closedLoop, openLoop } from '../load.ts';
import { type Measure, Measures } from '../measure.ts';
import { cpuSeconds } from '../processes.ts';
import { lastPoint, queries } from '../shapes.ts';
import { latency } from '../statistics.ts';
import type { Target } from '../targets/target.ts';
import { bodies, type DataSet, endS, stepsPerDay } from '../tsbs.ts';
import { noOp } from './no-op.ts';

const connectionCounts = [1, 16, 64];
const secondsEach = 2;
/** The one rate of the open loop: this share of what the slowest target does in the closed loop. */
const openShare = 0.5;

/** Requests of one point: writes, and reads of one host's newest point. Before them, requests that do nothing. */
export async function small(bench: Bench): Promise<Measure[]> {
  const measures = new Measures('small');
  const data: DataSet = { ...bench.options.data, steps: stepsPerDay / 24 };
  await bench.withTargets(async (targets) => {
    for (const target of targets) {
      await load(target, data);
      await target.rest();
    }
    for (const target of targets) if (target.noOp) await noOp(bench, measures, target, target.noOp);
    await measure(bench, measures, 'latest', targets, (target) => latestReads(target, data));
    await measure(bench, measures, 'write', targets, (target) => pointWrites(target, data));
  });
  return measures.list();
}

function forSeconds(seconds: number, next: () => Message): () => Message | null {
  const untilMs = performance.now() + seconds * 1000;
  return () => (performance.now() < untilMs ? next() : null);
}

type MakeRequests = (target: Target) => () => Message;

async function measure(
  bench: Bench,
  measures: Measures,
  what: string,
  targets: readonly Target[],
  make: MakeRequests,
): Promise<void> {
  const next = new Map(targets.map((target) => [target, make(target)]));
  for (const connections of connectionCounts) {
    const label = `${what} ${connections} conn`;
    const rates: number[] = [];
    for (const target of targets) {
      const one = next.get(target)!;
      const cpuBeforeS = cpuSeconds(target.pids());
      const { seconds, timesMs } = await bench.profiled(label, [target], () =>
        closedLoop(target.address, connections, forSeconds(secondsEach, one)),
      );
      const cpuMs = (1000 * (cpuSeconds(target.pids()) - cpuBeforeS)) / timesMs.length;
      rates.push(timesMs.length / seconds);
      measures.add(target.name, `${label} closed`, '1/s', 'higher', timesMs.length / seconds);
      measures.add(target.name, `${label} closed p99`, 'ms', 'lower', latency(timesMs).p99Ms);
      measures.add(target.name, `${label} closed CPU`, 'ms', 'lower', cpuMs);
    }
    const ratePerS = openShare * Math.min(...rates);
    for (const target of targets) {
      const count = Math.ceil(ratePerS * secondsEach);
      const { timesMs } = await openLoop(target.address, connections, { ratePerS, count, next: next.get(target)! });
      measures.add(target.name, `${label} open ${Math.round(ratePerS)}/s p99`, 'ms', 'lower', latency(timesMs).p99Ms);
    }
    bench.progress(`small: ${label}: ${targets.map(({ name }, i) => `${name} ${Math.round(rates[i]!)}/s`).join(', ')}`);
  }
}

function latestReads(target: Target, data: DataSet): () => Message {
  const messages = queries({ ...lastPoint, hosts: 1 }, data, 100, 7).map((query) => target.query(query));
  let sent = 0;
  return () => messages[sent++ % messages.length]!;
}

/** The lines that follow the data, one a request. */
function pointWrites(target: Target, data: DataSet): () => Message {
  let lines: Iterator<Buffer> = [][Symbol.iterator]();
  let fromS = endS(data);
  return () => {
    const { done, value } = lines.next();
    if (!done) return target.write(value);
    const more = { ...data, fromS, steps: Math.ceil(5_000 / data.hosts) };
    fromS = endS(more);
    lines = linesOf(more);
    return target.write(lines.next().value);
  };
}

function* linesOf(data: DataSet): Generator<Buffer> {
  for (const { body } of bodies(data)) {
    for (let at = 0; at < body.length; ) {
      const end = body.indexOf(10, at) + 1;
      yield body.subarray(at, end);
      at = end;
    }
  }
}
