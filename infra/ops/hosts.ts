import { apiError } from '../../src/base/errors.ts';
import type { Host } from '../../src/management/records.ts';
import type { Commands } from './command.ts';
import { databaseColumns } from './databases.ts';
import { age, amount } from './figures.ts';
import { type Cell, formatTable, listReport, type Report, recordReport } from './report.ts';
import { rollHosts } from './roll.ts';
import type { Session } from './session.ts';
import { shownDatabase } from './subjects.ts';
import { type FollowOption, wishAndFollow, withFollow } from './wish.ts';

/** Three heartbeats missed, as for placement. */
const aliveMs = 15_000;

export function hostCommands(commands: Commands): void {
  const hosts = commands.group('hosts', 'database hosts of the region: list, show, cordon, uncordon, drain, roll');

  commands.add(hosts, {
    name: 'list',
    does: 'every host: what it holds, what room it has, when it was last heard of',
    example: 'hosts list',
    work: async (session) => listReport(await hostsOf(session), hostColumns()),
  });

  commands.add(hosts, {
    name: 'show <host>',
    does: 'a host and its databases',
    example: 'hosts show eu-west-1-1',
    work: async (session, [id]) => {
      const host = await findHost(session, id!);
      const databases = await session.management.databases.databasesOfHost(host.id);
      const shown = recordReport(shownHost(host));
      const table = formatTable(
        databases.map((each) =>
          Object.fromEntries(Object.entries(databaseColumns).map(([name, cell]) => [name, cell(each)])),
        ),
      );
      return {
        ...shown,
        json: { record: host, databases: databases.map(shownDatabase) },
        text: `${shown.text}\n${table}`,
      };
    },
  });

  commands.add(hosts, {
    name: 'cordon <host>',
    does: 'it keeps its databases and gets no new ones',
    example: 'hosts cordon eu-west-1-1',
    work: (session, [id]) => cordon(session, id!, true),
  });

  commands.add(hosts, {
    name: 'uncordon <host>',
    does: 'it gets databases again',
    example: 'hosts uncordon eu-west-1-1',
    work: (session, [id]) => cordon(session, id!, false),
  });

  commands.add<FollowOption>(hosts, {
    name: 'drain <host>',
    does: 'cordons it and moves all of its databases to other hosts',
    example: 'hosts drain eu-west-1-1 --follow',
    options: withFollow,
    work: async (session, [id], options) => {
      const host = await findHost(session, id!);
      return wishAndFollow(session, 'drain-host', null, { host: host.id }, options);
    },
  });

  commands.add<{ drain: boolean }>(hosts, {
    name: 'roll [hosts...]',
    does: 'replaces hosts one by one, each after a drain; all when none is named. On one machine a host is its agent, which starts again',
    example: 'hosts roll eu-west-1-1 eu-west-1-2',
    options: (command) => command.option('--no-drain', 'its databases stay, and are away while it starts again'),
    work: async (session, [ids], { drain }) => {
      const wanted = (ids as unknown as readonly string[]) ?? [];
      const all = await hostsOf(session);
      const chosen = wanted.length === 0 ? all : await Promise.all(wanted.map((id) => findHost(session, id)));
      return listReport(await rollHosts(session, chosen, { drain }));
    },
  });
}

function hostColumns(): Readonly<Record<string, (host: Host) => Cell>> {
  const nowMs = Date.now();
  return {
    id: ({ id }) => id,
    zone: ({ zone }) => zone,
    state: (host) => stateOf(host, nowMs),
    slots: ({ usedSlots, slots }) => `${usedSlots}/${slots}`,
    databases: ({ health }) =>
      Object.entries(health?.databases ?? {})
        .map(([state, count]) => `${count} ${state}`)
        .join(', ') || null,
    volumes: ({ volumes }) => volumes,
    free: ({ health }) => roomOf(health?.volumes ?? []),
    load: ({ health }) => health?.load.toFixed(2),
    heard: ({ heartbeatAt }) => age(heartbeatAt, nowMs),
  };
}

function stateOf({ heartbeatAt, cordoned, drain, usedSlots }: Host, nowMs: number): string {
  if (nowMs - Date.parse(heartbeatAt) > aliveMs) return 'silent';
  if (drain) return drain.done ? 'drained' : `draining, ${usedSlots} left`;
  return cordoned ? 'cordoned' : 'open';
}

function shownHost({
  id,
  zone,
  agent,
  slots,
  usedSlots,
  volumes,
  cordoned = false,
  health,
  heartbeatAt,
  createdAt,
}: Host) {
  return {
    ...{ host: id, zone, cordoned, slots: `${usedSlots} of ${slots}`, volumes },
    agent: `${agent.host}:${agent.port}`,
    heartbeatAt,
    createdAt,
    load: health?.load,
    databases: health?.databases,
    'volumes free': health?.volumes.map(({ bytes, freeBytes }, volume) => ({
      ...{ volume, bytes, freeBytes, free: bytes > 0 ? `${Math.round((100 * freeBytes) / bytes)} %` : null },
    })),
  };
}

/** Of the fullest volume: it is the one that ends writes. */
function roomOf(volumes: readonly { bytes: number; freeBytes: number }[]): string | null {
  const [least] = volumes.toSorted((a, b) => a.freeBytes / a.bytes - b.freeBytes / b.bytes);
  return least ? `${amount(least.freeBytes)}B (${Math.round((100 * least.freeBytes) / least.bytes)} %)` : null;
}

async function hostsOf({ management }: Session): Promise<Host[]> {
  return (await management.hosts.listHosts()).toSorted((a, b) => (a.id < b.id ? -1 : 1));
}

async function findHost(session: Session, id: string): Promise<Host> {
  const host = await session.management.hosts.getHost(id);
  if (host?.region !== session.region) throw apiError('HostNotFound', { host: id });
  return host;
}

async function cordon(session: Session, id: string, cordoned: boolean): Promise<Report> {
  await findHost(session, id);
  await session.management.hosts.cordon(id, cordoned, session.actor);
  return recordReport({ host: id, cordoned });
}
