import { join } from 'node:path';
import type { Bench } from '../bench.ts';
import { type Address, get, type Message } from '../http.ts';
import { closedLoop, once, openLoop } from '../load.ts';
import type { Measures } from '../measure.ts';
import { cpuSeconds } from '../processes.ts';
import { freePort, Program } from '../program.ts';
import { latency, median } from '../statistics.ts';
import type { Target } from '../targets/target.ts';

const connections = 64;
const rounds = 5;
const secondsEach = 1;
const openRatePerS = 4_000;
const openSeconds = 4;
const bareRestify = join(import.meta.dirname, '..', 'bare-restify.ts');

interface Server {
  readonly name: string;
  readonly address: Address;
  readonly message: Message;
  readonly pids: readonly number[];
}

/** A request that is only authenticated, beside one to restify alone with the same reply; in turns, so that both see the same machine. */
export async function noOp(bench: Bench, measures: Measures, target: Target, message: Message): Promise<void> {
  const { body } = await once(target.address, message);
  const port = await freePort();
  const bare = new Program('bare restify', [process.execPath, bareRestify, String(port), body.toString()], {
    logPath: '/dev/null',
  });
  try {
    const address = { host: '127.0.0.1', port };
    await bare.ready(() => once(address, get('/')));
    const apiPids = target.profiled().flatMap(({ name, pid }) => (name === 'api' ? [pid] : []));
    const servers: readonly Server[] = [
      { name: 'no-op', address: target.address, message, pids: apiPids },
      { name: 'bare restify', address, message: get('/'), pids: [bare.pid] },
    ];
    const rates = new Map<Server, number[]>(servers.map((server) => [server, []]));
    const cpuMs = new Map<Server, number[]>(servers.map((server) => [server, []]));
    // The first round warms up.
    for (let round = 0; round <= rounds; round++) {
      for (const server of servers) {
        const untilMs = performance.now() + secondsEach * 1000;
        const cpuBeforeS = cpuSeconds(server.pids);
        const { seconds, timesMs } = await closedLoop(server.address, connections, () =>
          performance.now() < untilMs ? server.message : null,
        );
        if (round === 0) continue;
        rates.get(server)!.push(timesMs.length / seconds);
        cpuMs.get(server)!.push((1000 * (cpuSeconds(server.pids) - cpuBeforeS)) / timesMs.length);
      }
    }
    for (const server of servers) {
      const label = `${server.name} ${connections} conn`;
      measures.add(target.name, `${label} closed`, '1/s', 'higher', median(rates.get(server)!));
      measures.add(target.name, `${label} closed CPU`, 'ms', 'lower', median(cpuMs.get(server)!));
      const count = openRatePerS * openSeconds;
      const load = { ratePerS: openRatePerS, count, next: () => server.message };
      const { p99Ms } = latency((await openLoop(server.address, connections, load)).timesMs);
      measures.add(target.name, `${label} open ${openRatePerS}/s p99`, 'ms', 'lower', p99Ms);
    }
    bench.progress(
      `small: ${servers.map((server) => `${server.name} ${Math.round(median(rates.get(server)!))}/s`).join(', ')}`,
    );
  } finally {
    await bare.stop();
  }
}
