import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { Agent, type AgentOptions } from '../../kdb/agent/agent.ts';
import { Limits } from '../../kdb/agent/limits.ts';
import { embeddedProgram } from '../../kdb/agent/program.ts';
import { StartTurns } from '../../kdb/agent/start-turns.ts';
import type { WantedDatabase } from '../../src/management/host-agent.ts';
import type { Endpoint } from '../../src/management/records.ts';
import { silent } from '../management/region.ts';
import { temporaryFolder } from '../servers.ts';

/** One that has the host to itself. */
export const unfenced: AgentOptions['fence'] = { epoch: 1, fault: null, refused: new Map(), check: async () => {} };
export const standIn = embeddedProgram(join(import.meta.dirname, 'stand-in.ts'));
export const wanted: WantedDatabase = {
  volumes: 2,
  schema: 'flexible',
  maxTagSets: null,
  maxSeries: null,
  memoryMb: null,
  user: 'u',
  password: 'p'.repeat(32),
};

export interface TestHost {
  readonly volumes: readonly string[];
  /** A new agent over the same volumes, not started yet. */
  readonly agent: (options?: Partial<AgentOptions>) => Agent;
  /** What is on the volumes. */
  readonly contents: () => string[];
}

export function testHost(t: TestContext, volumeCount = 4): TestHost {
  const folder = temporaryFolder();
  const volumes = Array.from({ length: volumeCount }, (_, i) => join(folder.path, `v${i}`));
  for (const volume of volumes) mkdirSync(volume);
  const agents: Agent[] = [];
  t.after(async () => {
    await Promise.all(agents.map((agent) => agent.stop()));
    folder.remove();
  });
  return {
    volumes,
    agent: (options) => {
      const agent = new Agent({
        host: '127.0.0.1',
        volumes,
        slots: 16,
        program: standIn,
        log: silent,
        limits: new Limits({ cgroup: undefined, memoryMb: null, log: silent, watchEveryMs: 50 }),
        fence: unfenced,
        startTurns: new StartTurns(16),
        moved: () => {},
        ...options,
      });
      agents.push(agent);
      return agent;
    },
    contents: () => volumes.flatMap((volume, i) => readdirSync(volume).map((name) => `v${i}/${name}`)),
  };
}

/** Directories of the database, the home first. */
export function directoriesOf(host: TestHost, id: string): string[] {
  const config = host.volumes.map((volume) => join(volume, id, 'database.json')).find((path) => existsSync(path));
  return JSON.parse(readFileSync(config!, 'utf8')).volumes;
}

/** The process ids that the database had. */
export function startsOf(home: string): number[] {
  return readFileSync(join(home, 'starts'), 'utf8').trim().split('\n').map(Number);
}

/** Does the stand-in answer there? */
export function answers({ host, port }: Endpoint): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, host);
    socket
      .on('data', () => resolve(true))
      .on('error', () => resolve(false))
      .on('close', () => resolve(false));
  });
}
