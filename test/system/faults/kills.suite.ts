// Kinds of tasks × steps × kill. A task of each kind stands still after its first change of the world; when all do, their worker is killed.
// Then others after a later change, and so on until no kind has so many. The worker that dies next finishes what the last one left.
// TSG_KILL_EVERY_STEP=1 takes every change; otherwise it is after 0, 1, 4, 9, 16 …

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { SQSClient } from '@aws-sdk/client-sqs';
import { readWorkerConfig } from '../../../src/base/config.ts';
import { createManagement, type Management } from '../../../src/management/index.ts';
import type { TaskKind } from '../../../src/management/task-kinds.ts';
import { createSqs } from '../../../src/tasks/queue.ts';
import { kinds } from '../../../workers/kinds/index.ts';
import { silent } from '../../management/region.ts';
import { until } from '../../until.ts';
import { type LocalRegion, startRegion } from '../region.ts';
import { Service } from '../service.ts';
import { Host, Worker } from './more-processes.ts';
import { hostToDrain, importedDatabases, movingDatabases, rowsOf } from './rows.ts';
import { someLines, Writer } from './writer.ts';

const everyStep = process.env['TSG_KILL_EVERY_STEP'] === '1';
const stepOf = (round: number): number => (everyStep ? round : round ** 2);
/** A table that has become empty would prove nothing. */
const leastDeaths = 2;
/** What one makes is what another removes. */
const wants: Partial<Record<TaskKind, TaskKind>> = { provision: 'deprovision', backup: 'expire-backups' };
/** As long as one of the other kind is under way it waits. */
const waitsFor: Partial<Record<TaskKind, TaskKind>> = { 'expire-backups': 'backup' };
const patienceMs = 120_000;

let region: LocalRegion;
let service: Service;
let management: Management;
let sqs: SQSClient;
const hosts: Host[] = [];

before(async () => {
  region = await startRegion();
  service = new Service(region.url, region.adminToken);
  const environment = region.environment();
  management = createManagement(readWorkerConfig(environment), silent);
  sqs = createSqs({ region: 'eu-west-1', endpoint: environment['TSG_SQS_ENDPOINT'] });
  hosts.push(Host.start(region, 'h2'), Host.start(region, hostToDrain, 1));
  for (const name of ['plant', ...movingDatabases, ...importedDatabases]) {
    await service.database(name, { volumes: 2 });
    await service.write(name, someLines);
  }
  await service.database('leaving', { volumes: 1 });
  await service.write('leaving', someLines);
  await until('the hosts to be there', async () => (await management.hosts.listHosts()).length === 3);
});
after(async () => {
  sqs?.destroy();
  await management?.close();
  await Promise.all(hosts.map((host) => host.stop()));
  await region?.stop();
});

async function endOf(id: string) {
  const task = await management.tasks.getTask(id);
  return task && ['succeeded', 'failed', 'cancelled'].includes(task.state) ? task : undefined;
}

test('every kind of task has a row in the table', () => {
  const rows = rowsOf({ service, management, sqs, also: () => {} });
  assert.deepEqual(Object.keys(rows).toSorted(), Object.keys(kinds).toSorted());
});

test('workers die after one step and another of every kind of task: each task is done, and no acknowledged point is lost', async (t) => {
  const begun = new Map<string, TaskKind>();
  const rows = rowsOf({ service, management, sqs, also: (id, kind) => void begun.set(id, kind) });
  const steps = new Map<TaskKind, string[]>((Object.keys(rows) as TaskKind[]).map((kind) => [kind, []]));
  const complete = new Set<TaskKind>();
  const writers = [...movingDatabases, 'leaving'].map((name) => new Writer(service, name));
  t.after(() => Promise.all(writers.map((writer) => writer.stop().catch(() => {}))));

  /** One that stands still is in the only lane of its kind, or what it waits for. */
  function isBlocked(kind: TaskKind, { stopped }: Worker): boolean {
    const standing = [...stopped.keys()].map((id) => begun.get(id)!);
    return standing.some((each) => each === waitsFor[kind] || (each === kind && kinds[kind]!.lanes === 1));
  }

  /** Those that are not checked yet; those that stand still are the worker's. */
  async function settle(worker: Worker): Promise<void> {
    await until(
      'each task to end or to stand still',
      async () => {
        assert.ok(!worker.hasEnded, 'the worker ended');
        for (const [id, kind] of begun) {
          if (worker.stopped.has(id) || isBlocked(kind, worker)) continue;
          const task = await endOf(id);
          if (!task) return delay(200).then(() => false);
          assert.equal(task.state, rows[kind].end ?? 'succeeded', `${kind} ${id}: ${task.error}`);
          begun.delete(id);
          await rows[kind].check(task);
        }
        return true;
      },
      patienceMs,
    ).catch(async (error) => {
      const left: string[] = [];
      for (const [id, kind] of begun) {
        const { state, attempts, waits, error: fault } = (await management.tasks.getTask(id)) ?? {};
        if (!worker.stopped.has(id)) left.push(`${kind} ${id}: ${JSON.stringify({ state, attempts, waits, fault })}`);
      }
      throw new Error(`left are ${left.join('; ')}`, { cause: error });
    });
  }

  await region.without([`${region.names[0]}.worker`], async () => {
    while (complete.size < steps.size) {
      const doomed = new Map<string, TaskKind>();
      for (const kind of steps.keys()) {
        const isWanted = wants[kind] !== undefined && !complete.has(wants[kind]);
        if (complete.has(kind) && !isWanted) continue;
        const id = await rows[kind].begin();
        if (id === undefined) continue;
        begun.set(id, kind);
        if (!complete.has(kind)) doomed.set(id, kind);
      }
      assert.ok(
        begun.size > 0,
        `nothing is left to be begun of ${[...steps.keys()].filter((each) => !complete.has(each))}`,
      );
      const stops = Object.fromEntries([...doomed].map(([id, kind]) => [id, stepOf(steps.get(kind)!.length)]));
      const worker = new Worker(region, stops);
      try {
        await settle(worker);
      } finally {
        await worker.end();
      }
      t.diagnostic([...doomed].map(([id, kind]) => `${kind}: ${worker.stopped.get(id) ?? 'done'}`).join(', '));
      for (const [id, kind] of doomed) {
        const after = worker.stopped.get(id);
        if (after === undefined) complete.add(kind);
        else steps.get(kind)!.push(after);
      }
    }
    const last = new Worker(region, {});
    try {
      await settle(last);
    } finally {
      await last.end('SIGTERM');
    }
  });
  for (const writer of writers) await writer.stop();
  for (const [kind, died] of steps)
    assert.ok(died.length >= leastDeaths, `${kind} died only ${died.length} times: ${died.join(', ')}`);
});
