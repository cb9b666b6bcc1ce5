// Exercises what every request runs through, before the process says that it is ready: V8 compiles what is hot, and a first query takes 1.9 ms where a later
// one takes 0.45. Nothing leaves the process but requests for its own /health.

import type { Agent as HttpAgent } from 'node:http';
import { Agent, get } from '../base/http.ts';
import { decoderFor } from '../ingest/index.ts';
import { codecs, requestFrame } from '../kdb/calls/index.ts';
import type { QueryResult, SeriesInfo } from '../kdb/engine.ts';
import { encodeJson } from '../query/json-result.ts';
import { requestOf } from '../query/parameters.ts';
import { planOf } from '../query/plan.ts';
import { noMatches } from '../query/tag-regex.ts';

/** V8 has compiled most of it by then; together about 0.2 s of one core. */
const rounds = 80;

export async function warmUp(port: number, host: string): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    exerciseWrite(round);
    exerciseQuery(round);
  }
  const agent = new Agent({ keepAlive: true });
  for (let round = 0; round < rounds; round++) await askHealth(port, host, agent);
  agent.destroy();
}

const timeNs = 1_451_606_400_000_000_000n;

function exerciseWrite(round: number): void {
  const lines = Array.from(
    { length: 20 },
    (_, i) => `cpu,host=h${i % 5},region=r${i % 2} load=${i}.5,user=${(i * round) % 100}i ${timeNs + BigInt(i)}`,
  );
  const { parts } = decoderFor('text/plain')(Buffer.from(lines.join('\n')), { precision: 'ns', nowNs: timeNs });
  requestFrame(codecs['.tsg.insert'], { batchId: Buffer.alloc(16), parts });
}

const series: SeriesInfo = {
  series: 'cpu',
  tags: ['host', 'region'],
  fields: [
    { name: 'load', type: 'float' },
    { name: 'user', type: 'long' },
  ],
  ...{ tagSets: 5n, rows: 20n, firstNs: timeNs, lastNs: timeNs },
};

function exerciseQuery(round: number): void {
  const parameters = {
    from: '2016-01-01T00:00:00Z',
    until: '2016-01-01T01:00:00Z',
    'interval-sec': '60',
    field: 'load',
    where: 'host=h1',
  };
  const { spec, interval } = planOf(series, requestOf(series, parameters), timeNs, noMatches);
  requestFrame(codecs['.tsg.query'], spec);
  const rows = 60;
  const result: QueryResult = {
    columns: [
      { kind: 'time', name: 'time', values: BigInt64Array.from({ length: rows }, (_, i) => timeNs + BigInt(i)) },
      { kind: 'tag', name: 'host', dictionary: ['h1'], index: new Int32Array(rows) },
      { kind: 'float', name: 'load', values: Float64Array.from({ length: rows }, (_, i) => (i * round) / 7) },
      { kind: 'long', name: 'user', values: BigInt64Array.from({ length: rows }, (_, i) => BigInt(i * round)) },
    ],
    rows,
    next: null,
  };
  encodeJson(codecs['.tsg.query'].decodeReply(codecs['.tsg.query'].encodeReply(result)), {
    ...{ interval, timeFormat: 'iso', next: null },
  });
}

function askHealth(port: number, host: string, agent: HttpAgent): Promise<void> {
  return new Promise((resolve, reject) => {
    get({ port, host, agent, path: '/health' }, (response) => response.resume().once('end', resolve)).once(
      'error',
      reject,
    );
  });
}
