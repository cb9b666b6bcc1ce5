import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { stoppedWithParent } from '../../../infra/local/programs.ts';
import { diskBytes } from '../disk.ts';
import { get, type Message, post } from '../http.ts';
import { once } from '../load.ts';
import { freePort, Program } from '../program.ts';
import type { Query } from '../shapes.ts';
import { type Answer, sumUp, type Target } from './target.ts';

/** A write-ahead log with nothing in it. */
const emptyWalBytes = 64 * 1024;
const flushTimeoutMs = 120_000;

/**
 * With its defaults, but for: no request log, no statistics of its own, and memory goes to files 2 s after the last write instead of 10 min, so
 * that the benchmark need not wait.
 */
function configuration({ folder, port, rpcPort }: { folder: string; port: number; rpcPort: number }): string {
  return `
reporting-enabled = false
bind-address = "127.0.0.1:${rpcPort}"
[meta]
  dir = "${folder}/meta"
[data]
  dir = "${folder}/data"
  wal-dir = "${folder}/wal"
  query-log-enabled = false
  cache-snapshot-write-cold-duration = "2s"
  compact-full-write-cold-duration = "2s"
  max-values-per-tag = 0
[monitor]
  store-enabled = false
[http]
  bind-address = "127.0.0.1:${port}"
  log-enabled = false
[ifql]
  enabled = false
[logging]
  level = "error"
`;
}

export async function startInfluxdb(folder: string): Promise<Target> {
  const address = { host: '127.0.0.1', port: await freePort() };
  for (const name of ['meta', 'data', 'wal']) mkdirSync(join(folder, name));
  const configPath = join(folder, 'influxdb.conf');
  writeFileSync(configPath, configuration({ folder, port: address.port, rpcPort: await freePort() }));
  let program = await start();
  await once(address, post(`/query?${new URLSearchParams({ q: 'CREATE DATABASE bench' })}`, {}, Buffer.alloc(0)));

  async function start(): Promise<Program> {
    const started = new Program('influxd', stoppedWithParent(['influxd', '-config', configPath]), {
      logPath: join(folder, 'log'),
    });
    await started.ready(() => once(address, get('/ping')));
    return started;
  }

  async function walEmptied(): Promise<void> {
    const wal = join(folder, 'wal');
    for (const deadline = Date.now() + flushTimeoutMs; diskBytes(wal) > emptyWalBytes; await delay(200)) {
      if (Date.now() > deadline) throw new Error('InfluxDB keeps data in its write-ahead log');
    }
  }

  return {
    name: 'InfluxDB',
    address,
    pids: () => [program.pid],
    profiled: () => [],
    write: (body) => post('/write?db=bench', {}, body),
    query: writeQuery,
    answer: readAnswer,
    rest: walEmptied,
    flush: walEmptied,
    diskBytes: () => diskBytes(join(folder, 'data')) + diskBytes(join(folder, 'wal')),
    async restart() {
      await program.stop();
      program = await start();
    },
    stop: () => program.stop(),
  };
}

/** InfluxQL as TSBS writes it. */
function writeQuery({ shape, fields, hosts, fromS, untilS }: Query): Message {
  const { op, bucketS, byHost } = shape;
  const function_ = op === 'avg' ? 'mean' : op;
  const select = fields.map((field) => `${function_}(${field}) AS ${field}`).join(', ');
  const groups = [...(bucketS > 0 ? [`time(${bucketS}s)`] : []), ...(byHost ? ['hostname'] : [])];
  const range = `time >= ${fromS}s AND time < ${untilS}s`;
  const where = [...(hosts ? [`(${hosts.map((host) => `hostname = '${host}'`).join(' OR ')})`] : []), range].join(
    ' AND ',
  );
  const q =
    op === 'last'
      ? `SELECT ${fields.join(', ')} FROM cpu WHERE ${where} GROUP BY hostname ORDER BY time DESC LIMIT 1`
      : `SELECT ${select} FROM cpu WHERE ${where} GROUP BY ${groups.join(', ')}`;
  return get(`/query?${new URLSearchParams({ db: 'bench', epoch: 'ms', q })}`);
}

interface Reply {
  readonly results: readonly { readonly error?: string; readonly series?: readonly Series[] }[];
}
interface Series {
  readonly values: readonly (readonly [time: number, ...values: (number | null)[]])[];
}

function readAnswer(body: Buffer): Answer {
  const { results } = JSON.parse(body.toString()) as Reply;
  const [result] = results;
  if (result?.error) throw new Error(result.error);
  return sumUp((result?.series ?? []).flatMap(({ values }) => values.flatMap(([, ...row]) => row)));
}
