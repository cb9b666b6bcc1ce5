// A database moves between hosts while it is written to, and what takes part in it is killed.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { readWorkerConfig } from '../../../src/base/config.ts';
import { createManagement, type Management } from '../../../src/management/index.ts';
import type { Task } from '../../../src/management/records.ts';
import { silent } from '../../management/region.ts';
import { until } from '../../until.ts';
import { type LocalRegion, startRegion } from '../region.ts';
import { Service } from '../service.ts';
import { Host, Worker } from './more-processes.ts';
import { someLines, Writer } from './writer.ts';

const patienceMs = 120_000;

let region: LocalRegion;
let service: Service;
let management: Management;
const hosts: Record<string, Host> = {};
let plantId: string;

before(async () => {
  region = await startRegion();
  service = new Service(region.url, region.adminToken);
  management = createManagement(readWorkerConfig(region.environment()), silent);
  for (const id of ['h2', 'h3']) hosts[id] = Host.start(region, id);
  await service.database('plant', { volumes: 2 });
  [plantId] = Object.keys(region.pids().databases) as [string];
  await service.write('plant', someLines);
  await until('the hosts to be there', async () => (await management.hosts.listHosts()).length === 3);
  await service.taskDone(await beginMove('h2'));
});
after(async () => {
  await management?.close();
  await Promise.all(Object.values(hosts).map((host) => host.stop()));
  await region?.stop();
});

async function beginMove(host: string): Promise<string> {
  const reply = await service.ask('/v1/databases/plant/move', { body: { host } });
  assert.equal(reply.status, 202, reply.text);
  return reply.json.task.id;
}

async function succeeded(id: string): Promise<Task> {
  const task = await until(
    `task ${id} to end`,
    async () => {
      const found = await management.tasks.getTask(id);
      return found && !['queued', 'running'].includes(found.state) && found;
    },
    patienceMs,
  );
  assert.equal(task.state, 'succeeded', task.error ?? '');
  return task;
}

/** The move to `to` stands still after the change; then comes the blow. */
const blows: readonly (readonly [after: string, what: string, to: string, blow: () => unknown])[] = [
  ['putFile', 'the database process', 'h3', () => hosts['h2']!.killDatabase(plantId)],
  ['putFile', 'the agent that it goes to', 'h2', () => hosts['h2']!.replace()],
  ['holdDatabase', 'the agent that it leaves', 'h3', () => hosts['h2']!.replace()],
  ['startDatabase', 'the process of the copy', 'h2', () => hosts['h2']!.killDatabase(plantId)],
];

test('the database process, its copy or an agent is killed during a move: no acknowledged point is lost', async (t) => {
  const writer = new Writer(service, 'plant');
  t.after(() => writer.stop().catch(() => {}));
  await region.without([`${region.names[0]}.worker`], async () => {
    for (const [after, what, to, blow] of blows) {
      const id = await beginMove(to);
      const worker = new Worker(region, { [id]: after });
      try {
        await until(`${after} of ${id}`, () => worker.stopped.has(id), patienceMs);
        await blow();
        worker.goOn();
        await succeeded(id);
      } finally {
        await worker.end();
      }
      const { hostId, move } = (await management.databases.getDatabaseById(plantId))!;
      assert.deepEqual([hostId, move], [to, null], what);
    }
  });
  await writer.stop();
  t.diagnostic(`${writer.acknowledged} points; refused: ${JSON.stringify([...writer.refusals])}`);
});

test('the mover is killed while writes are refused, and nobody comes after it: writes are taken again', async (t) => {
  const writer = new Writer(service, 'plant', 'again');
  t.after(() => writer.stop().catch(() => {}));
  let id: string | undefined;
  await region.without([`${region.names[0]}.worker`], async () => {
    await hosts['h2']!.replace({ TSG_MAX_HELD_MS: '3000' });
    id = await beginMove('h3');
    const worker = new Worker(region, { [id]: 'holdDatabase' });
    try {
      await until(
        'writes to be refused',
        () => worker.stopped.has(id!) && writer.refusals.has('DatabaseHeld'),
        patienceMs,
      );
    } finally {
      await worker.end();
    }
    const { acknowledged } = writer;
    await until('writes to be taken again', () => writer.acknowledged > acknowledged, patienceMs);
    await hosts['h2']!.replace();
  });
  await succeeded(id!);
  await writer.stop();
});
