import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { stoppedWithParent } from '../../../infra/local/programs.ts';
import { diskBytes } from '../disk.ts';
import { get, type Message, post } from '../http.ts';
import { once } from '../load.ts';
import { freePort, Program } from '../program.ts';
import type { Query } from '../shapes.ts';
import { type Answer, sumUp, type Target } from './target.ts';

/** With its defaults, but for: data older than a month is kept, and replies are computed, not remembered. */
const settings = ['-retentionPeriod=100y', '-search.disableCache', '-loggerLevel=WARN', '-influx.maxLineSize=1MB'];

export async function startVictoriaMetrics(folder: string): Promise<Target> {
  const dataDir = join(folder, 'data');
  mkdirSync(dataDir);
  const address = { host: '127.0.0.1', port: await freePort() };
  let program = await start();

  async function start(): Promise<Program> {
    const command = [
      'victoria-metrics',
      ...settings,
      `-storageDataPath=${dataDir}`,
      `-httpListenAddr=${address.host}:${address.port}`,
    ];
    const started = new Program('victoria-metrics', stoppedWithParent(command), { logPath: join(folder, 'log') });
    await started.ready(() => once(address, get('/health')));
    return started;
  }

  /** What was written becomes visible to queries; it reaches the disk with the next stop. */
  async function forceFlush(): Promise<void> {
    await once(address, get('/internal/force_flush'));
  }

  return {
    name: 'VictoriaMetrics',
    address,
    pids: () => [program.pid],
    profiled: () => [],
    write: (body) => post('/write', {}, body),
    query: writeQuery,
    answer: readAnswer,
    rest: forceFlush,
    flush: forceFlush,
    diskBytes: () => diskBytes(dataDir),
    async restart() {
      await program.stop();
      program = await start();
    },
    stop: () => program.stop(),
  };
}

/**
 * MetricsQL as TSBS writes it. A rollup at t covers (t - bucket, t]: asked for 1 ms before the end of each bucket it covers [from, from + bucket),
 * as the others do, since the points lie on whole seconds. TSBS has no lastpoint here; the closest is an instant query of every metric at the end of the data.
 */
function writeQuery(query: Query): Message {
  const { shape, fromS, untilS } = query;
  const { op, bucketS, byHost } = shape;
  if (op === 'last') return ask('/api/v1/query', { query: selector(query), time: `${untilS - 0.001}` });
  const expression = `${op}(${op}_over_time(${selector(query)}[${bucketS}s])) by (__name__${byHost ? ', hostname' : ''})`;
  const range = { start: `${fromS + bucketS - 0.001}`, end: `${untilS - 0.001}`, step: `${bucketS}` };
  return ask('/api/v1/query_range', { query: expression, ...range });
}

function ask(path: string, parameters: Readonly<Record<string, string>>): Message {
  return get(`${path}?${new URLSearchParams({ ...parameters, nocache: '1' })}`);
}

function selector({ fields, hosts }: Query): string {
  const hostname = hosts ? [hosts.length === 1 ? `hostname='${hosts[0]}'` : `hostname=~'${hosts.join('|')}'`] : [];
  if (fields.length === 1) return `cpu_${fields[0]}{${hostname.join()}}`;
  return `{${[`__name__=~'cpu_(${fields.join('|')})'`, ...hostname].join()}}`;
}

interface Reply {
  readonly data: { readonly result: readonly { readonly value?: Sample; readonly values?: readonly Sample[] }[] };
}
type Sample = readonly [time: number, value: string];

function readAnswer(body: Buffer): Answer {
  const { data } = JSON.parse(body.toString()) as Reply;
  const samples = data.result.flatMap(({ value, values }) => values ?? [value!]);
  return sumUp(samples.map(([, value]) => Number(value)));
}
