// What workers work on: DynamoDB, a host with its agent, and a worker to take in hand.

import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import type { Agent } from '../../kdb/agent/agent.ts';
import { createControl } from '../../kdb/agent/control.ts';
import type { DatabaseProgram } from '../../kdb/agent/program.ts';
import type { ObjectStore } from '../../src/base/object-store.ts';
import { DirectoryStore } from '../../src/base/objects/directory.ts';
import type { Hello } from '../../src/kdb/engine.ts';
import { managementOver } from '../../src/management/index.ts';
import type { Endpoint } from '../../src/management/records.ts';
import type { SentTask } from '../../src/tasks/queue.ts';
import { AgentClient } from '../../workers/agent-client.ts';
import { hostsByHand } from '../../workers/host-starter.ts';
import { deprovision } from '../../workers/kinds/deprovision.ts';
import { kinds } from '../../workers/kinds/index.ts';
import type { Kind, WorkerServices } from '../../workers/kinds/kind.ts';
import { provision } from '../../workers/kinds/provision.ts';
import { TaskRunner } from '../../workers/task-runner.ts';
import { answers, type TestHost, testHost } from '../agent/host.ts';
import { openManagement, region, silent, type TestManagement } from '../management/region.ts';
import { startDynoxide, type TestProgram, temporaryFolder } from '../servers.ts';
import { MemoryHost } from './memory-host.ts';
import { Mortal } from './mortal.ts';

const secret = 'agent secret';

export interface TestWorker {
  readonly runner: TaskRunner;
  /** Messages that it sent. */
  readonly sent: { taskId: string; delayMs: number }[];
  /** Tasks that it gave up. */
  readonly dead: { taskId: string; reason: string }[];
}

export interface WorkerOptions {
  readonly mortal?: Mortal;
  readonly kind?: Partial<Kind>;
  readonly memory?: MemoryHost;
  /** The process of every database. */
  readonly connect?: WorkerServices['connect'];
  readonly objects?: ObjectStore;
}

export interface TestRegion {
  readonly objects: ObjectStore;
  readonly management: TestManagement;
  readonly dynoxide: TestProgram;
  /** With `memory`, its agents and databases are that host's. */
  readonly worker: (options?: WorkerOptions) => TestWorker;
  readonly addMemoryHost: (id: string) => Promise<MemoryHost>;
  /** Registers a host, with a running agent. */
  readonly addHost: (
    id: string,
    options?: { slots?: number; registeredSlots?: number; program?: DatabaseProgram },
  ) => Promise<RunningHost>;
}

export interface RunningHost extends TestHost {
  readonly running: Agent;
}

export async function testRegion(t: TestContext): Promise<TestRegion> {
  const dynoxide = await startDynoxide();
  t.after(dynoxide.stop);
  const management = await openManagement(dynoxide.endpoint);
  t.after(management.close);
  const { dynamo, clock } = management;
  const folder = temporaryFolder();
  t.after(folder.remove);
  const stored = new DirectoryStore({ path: folder.path, link: () => 'http://link' });
  let workers = 0;

  return {
    management,
    dynoxide,
    objects: stored,
    worker({ mortal = new Mortal(), kind, memory, connect = notConnected, objects = stored } = {}) {
      const sent: TestWorker['sent'] = [];
      const dead: TestWorker['dead'] = [];
      const runner = new TaskRunner({
        owner: `w${++workers}`,
        kinds: kind
          ? {
              ...kinds,
              provision: { ...provision, ...kind },
              deprovision: { ...deprovision, ...kind },
            }
          : kinds,
        services: {
          management: managementOver({
            dynamo: mortal.dynamo(dynamo),
            topic: undefined,
            redis: {},
            redisDeadlineMs: 0,
            region,
            homeRegion: region,
            zone: 'a',
            clock,
            log: silent,
          }),
          announce: async ({ id }) => void sent.push({ taskId: id, delayMs: 0 }),
          objects: mortal.store(objects),
          objectsOf: () => mortal.store(objects),
          hostStarter: hostsByHand,
          agents: mortal.effects(memory?.agents ?? new AgentClient(secret)),
          hello:
            connect === notConnected
              ? (memory?.hello ?? hello)
              : (endpoint, login) => helloOver(connect, endpoint, login),
          meter: { addPoints: () => {} },
          connect,
        },
        queue: mortal.effects({
          sendTask: async ({ id }: SentTask, delayMs = 0) => void sent.push({ taskId: id, delayMs }),
        }),
        ended: () => {},
        deadLetter: async ({ id }, reason) => void dead.push({ taskId: id, reason }),
        log: silent,
      });
      return { runner, sent, dead };
    },
    async addMemoryHost(id) {
      const agent = { host: '127.0.0.1', port: 1 };
      await management.hosts.register({ id, region, zone: 'a', agent, slots: 64, volumes: 4 });
      return new MemoryHost();
    },
    async addHost(id, { slots = 64, registeredSlots = slots, program } = {}) {
      const host = testHost(t);
      const running = host.agent({ slots, ...(program && { program }) });
      await running.start();
      const control = createControl({ agent: running, secret, restart: () => {}, log: silent }).listen(0, '127.0.0.1');
      await once(control, 'listening');
      t.after(() => control.close().closeAllConnections());
      const { port } = control.address() as AddressInfo;
      const agent = { host: '127.0.0.1', port };
      await management.hosts.register({ id, region, zone: 'a', agent, slots: registeredSlots, volumes: 4 });
      return { ...host, running };
    },
  };
}

async function notConnected(): Promise<never> {
  throw new Error('this test has no database process');
}

async function hello(endpoint: Endpoint): Promise<Hello> {
  if (!(await answers(endpoint))) throw new Error('no answer');
  return { contract: 1, engine: 'stand-in', schema: 'flexible', catalogueVersion: 0n, maxTagSets: 0n };
}

async function helloOver(
  connect: WorkerServices['connect'],
  endpoint: Endpoint,
  login: Parameters<WorkerServices['hello']>[1],
): Promise<Hello> {
  const engine = await connect({ ...login, endpoint });
  try {
    return await engine.hello();
  } finally {
    await engine.close();
  }
}
