// Targets measured in turns, so that whatever else the machine does falls on all of them alike.
import type { Bench } from './bench.ts';
import { Connection } from './http.ts';
import { succeeded } from './load.ts';
import { cpuSeconds } from './processes.ts';
import { type Query, queries, type Shape } from './shapes.ts';
import { latency, median } from './statistics.ts';
import type { Target } from './targets/target.ts';
import type { DataSet } from './tsbs.ts';

/** Different queries of one shape; each target gets the same ones in the same order. */
const variety = 50;
const probes = 5;
/** Quicker than this: many small differences add up, so many are taken. */
const quickMs = 2;
/** A target that is very slow is asked less often, so that a row takes no longer than this for it. */
const maxSecondsPerTarget = 30;

interface Lane {
  readonly target: Target;
  readonly connection: Connection;
  readonly messages: readonly (readonly Buffer[])[];
  sent: number;
  warmUps: number;
  total: number;
  readonly timesMs: number[];
}

export interface Cost {
  readonly p50Ms: number;
  /** Processor time of a query, of all processes of the target: it tells more than the time when the machine is not idle. */
  readonly cpuMs: number;
}

/** What a query of a shape costs each target, by its name. */
export async function alternate(
  bench: Bench,
  targets: readonly Target[],
  shape: Shape,
  data: DataSet,
  label: string,
): Promise<Map<string, Cost>> {
  const asked = queries(shape, data, variety, 42);
  const lanes: Lane[] = [];
  try {
    for (const target of targets) {
      const connection = await Connection.open(target.address);
      const messages = asked.map((query) => target.query(query));
      lanes.push({ target, connection, messages, sent: 0, warmUps: 0, total: 0, timesMs: [] });
    }
    await compareAnswers(bench, lanes, asked);
    await plan(lanes);
    const rounds = Math.max(...lanes.map((lane) => lane.total));
    const cpuBeforeS = lanes.map(({ target }) => cpuSeconds(target.pids()));
    await bench.profiled(label, targets, async () => {
      for (let round = 1; round <= rounds; round++) {
        // A target that is asked less often is asked evenly over the rounds.
        for (const lane of lanes) if (Math.floor((round * lane.total) / rounds) > lane.sent) await step(lane);
      }
    });
    const costs = lanes.map(({ target, timesMs, warmUps }, i): [string, Cost] => {
      const cpuMs = (1000 * (cpuSeconds(target.pids()) - cpuBeforeS[i]!)) / timesMs.length;
      return [target.name, { p50Ms: latency(timesMs.slice(warmUps)).p50Ms, cpuMs }];
    });
    return new Map(costs);
  } finally {
    for (const { connection } of lanes) connection.close();
  }
}

async function compareAnswers(bench: Bench, lanes: readonly Lane[], asked: readonly Query[]): Promise<void> {
  for (let i = 0; i < probes; i++) {
    const answers = [];
    for (const { target, connection, messages } of lanes) {
      const { body } = succeeded(await connection.send(messages[i]!));
      answers.push({ name: target.name, ...target.answer(body) });
    }
    const [first, ...others] = answers;
    for (const other of others) {
      const same = first!.values === other.values && Math.abs(first!.sum - other.sum) <= 1e-6 * Math.abs(first!.sum);
      if (!same) bench.fault(`${asked[i]!.shape.name}: the answers differ: ${JSON.stringify([first, other])}`);
    }
  }
}

/** How often each target is asked: as often as the quickest of them deserves, so that all are equally warm. */
async function plan(lanes: readonly Lane[]): Promise<void> {
  for (const lane of lanes) for (let i = 0; i < probes; i++) await step(lane);
  const probesMs = lanes.map(({ timesMs }) => median(timesMs));
  const [warmUps, measured] = Math.min(...probesMs) < quickMs ? [300, 1_000] : [5, 50];
  for (const [i, lane] of lanes.entries()) {
    const affordable = Math.floor((maxSecondsPerTarget * 1000) / probesMs[i]!);
    lane.timesMs.length = 0;
    lane.sent = 0;
    lane.warmUps = Math.min(warmUps, Math.max(5, affordable));
    lane.total = lane.warmUps + Math.min(measured, Math.max(5, affordable));
  }
}

async function step(lane: Lane): Promise<void> {
  const message = lane.messages[lane.sent++ % lane.messages.length]!;
  const sentMs = performance.now();
  succeeded(await lane.connection.send(message));
  lane.timesMs.push(performance.now() - sentMs);
}
