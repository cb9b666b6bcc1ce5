// Clients that leave in the middle: nothing goes on for them, and the next request is served as ever.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { get } from 'node:http';
import { after, before, test } from 'node:test';
import { until } from '../../until.ts';
import { type LocalRegion, startRegion } from '../region.ts';
import { Service } from '../service.ts';
import { databasePid } from './outage.ts';

/** As JSON some 15 MB: more than sockets hold. */
const rows = 300_000;
const rowsPerWrite = 50_000;

let region: LocalRegion;
let service: Service;

before(async () => {
  region = await startRegion();
  service = new Service(region.url, region.adminToken);
  await service.database('plant');
  for (let from = 0; from < rows; from += rowsPerWrite) {
    const lines = Array.from({ length: rowsPerWrite }, (_, i) => `m,host=h${i % 10} v=${i / 7} ${from + i}`);
    await service.write('plant', lines.join('\n'));
  }
});
after(() => region?.stop());

const path = '/v1/databases/plant/series/m/query';

/** Asks and hangs up: after so many bytes of the reply, or when told to. */
function askAndLeave(bytes: number, leave?: AbortSignal): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const request = get(region.url + path, { headers: { Authorization: `Bearer ${region.adminToken}` } });
  const isLeaving = () => leave?.aborted || received >= bytes;
  let received = 0;
  const go = () => {
    request.destroy();
    resolve(received);
  };
  leave?.addEventListener('abort', go);
  request.on('error', (error) => (isLeaving() ? undefined : reject(error)));
  request.on('response', (response) => {
    response.on('error', () => {});
    response.on('data', (chunk: Buffer) => {
      received += chunk.length;
      if (received >= bytes) go();
    });
    response.on('end', () => reject(new Error(`the reply has only ${received} bytes`)));
  });
  return promise;
}

/** Clock ticks of processor time. */
function used(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const [user, system] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11, 13);
  return Number(user) + Number(system);
}

/** It works on nothing: less than 3 ticks of 10 ms in ten looks, 20 ms or more apart. */
async function atRest(pid: number): Promise<void> {
  let looks = 0;
  let since = used(pid);
  await until('the process to be at rest', () => {
    if (used(pid) - since < 3) return ++looks === 10;
    looks = 0;
    since = used(pid);
    return false;
  });
}

async function served(): Promise<void> {
  assert.deepEqual(await service.rows('plant', 'm', { aggregation: 'count', field: 'v' }), [[rows]]);
}

test('readers that hang up in the middle of a big reply', async () => {
  await Promise.all(Array.from({ length: 4 }, () => askAndLeave(100_000)));
  await served();
  if (process.platform !== 'linux') return;
  await atRest(databasePid(region));
  await atRest(region.pids().api);
});

test('a reader that hangs up while the database hangs', async () => {
  const pid = databasePid(region);
  process.kill(pid, 'SIGSTOP');
  try {
    const leave = new AbortController();
    // More than the lane for queries has connections.
    const readers = Array.from({ length: 12 }, () => askAndLeave(1, leave.signal));
    // The API has taken them when it answers what came behind them.
    assert.equal((await service.ask('/health', { token: null })).status, 200);
    leave.abort();
    assert.deepEqual(await Promise.all(readers), Array(12).fill(0));
  } finally {
    process.kill(pid, 'SIGCONT');
  }
  await served();
  if (process.platform === 'linux') await atRest(pid);
});
