// Hosts are replaced one by one: emptied, replaced, heard of again, opened again. Where it is interrupted, a host stays cordoned and says so in `hosts list`.

import { setTimeout as delay } from 'node:timers/promises';
import { AutoScalingClient } from '@aws-sdk/client-auto-scaling';
import { HostGroups } from '../../src/management/host-groups.ts';
import type { Host } from '../../src/management/records.ts';
import { followTask } from './follow.ts';
import type { Row } from './report.ts';
import type { Session } from './session.ts';
import { wishFor } from './wish.ts';

const lookEveryMs = 500;
const callTimeoutMs = 10_000;

/** How a host without databases, or with databases that may be away for a while, becomes a new one. */
export interface HostReplacer {
  readonly backWithinMs: number;
  /** Resolves when it is on its way. */
  replace(host: Host): Promise<void>;
}

export async function rollHosts(
  session: Session,
  hosts: readonly Host[],
  { drain, replacer = replacerOf(session) }: { drain: boolean; replacer?: HostReplacer },
): Promise<Row[]> {
  const { hosts: stored } = session.management;
  const done: Row[] = [];
  for (const host of hosts) {
    await stored.cordon(host.id, true, session.actor);
    if (drain) await drained(session, host);
    const before = await stored.getHost(host.id);
    await replacer.replace(host);
    await isBack(session, before ?? host, replacer.backWithinMs);
    // One that was cordoned before stays so.
    if (!host.cordoned) await stored.cordon(host.id, false, session.actor);
    done.push({ host: host.id, outcome: 'replaced', state: host.cordoned ? 'cordoned' : 'open' });
    process.stderr.write(`${host.id} is replaced\n`);
  }
  return done;
}

async function drained(session: Session, { id }: Host): Promise<void> {
  const task = await wishFor(session, 'drain-host', null, { host: id });
  const { exitCode } = await followTask(session, task.id);
  if (exitCode !== 0) throw new Error(`${id} is not empty, and stays cordoned: task ${task.id} says why`);
}

function replacerOf(session: Session): HostReplacer {
  const { hostGroups } = session.config;
  return hostGroups === undefined ? agentsAnew(session) : instancesAnew(session, hostGroups);
}

/** On AWS. What ends keeps its volumes until it has ended; the new instance waits for them for up to a quarter of an hour. */
export function instancesAnew(
  { region, signal }: Session,
  prefix: string,
  client = new AutoScalingClient({ region }),
): HostReplacer {
  const groups = new HostGroups(client, prefix);
  return { backWithinMs: 1_500_000, replace: ({ id }) => groups.replaceHost(id, signal) };
}

/** On one machine, and wherever the machine itself may stay: the agent ends in order, and its supervisor starts it again. */
function agentsAnew({ agentSecret }: Session): HostReplacer {
  return {
    backWithinMs: 180_000,
    async replace({ id, agent }) {
      if (agentSecret === undefined)
        throw new Error(`TSG_AGENT_SECRET is not set; it is what the agent of ${id} asks for`);
      const response = await fetch(`http://${agent.host}:${agent.port}/restart`, {
        method: 'POST',
        headers: { authorization: `Bearer ${agentSecret}` },
        signal: AbortSignal.timeout(callTimeoutMs),
      });
      if (!response.ok) throw new Error(`the agent of ${id} answers ${response.status}`);
    },
  };
}

/** Its agent registers when it starts, which counts the record's version on. */
async function isBack(session: Session, before: Host, backWithinMs: number): Promise<void> {
  const lastMs = performance.now() + backWithinMs;
  while (performance.now() < lastMs) {
    const host = await session.management.hosts.getHost(before.id);
    if (host && host.version > before.version) return;
    await delay(lookEveryMs, undefined, { signal: session.signal });
  }
  throw new Error(`${before.id} has not come back within ${backWithinMs / 1_000} s, and stays cordoned`);
}
