import { setTimeout as delay } from 'node:timers/promises';
import type { DatabaseReport } from '../../src/management/host-agent.ts';
import { processLimits } from '../../src/management/plans.ts';
import type { Database, Endpoint, Host } from '../../src/management/records.ts';
import { HostRefused } from '../agent-client.ts';
import { Arrived, copyRound, type Way } from '../moves/copying.ts';
import { CopyDiffers, type Verified, verifyCopy } from '../moves/verification.ts';
import { taskDatabase } from './database.ts';
import { type Kind, Permanent, Postponed, type TaskRun } from './kind.ts';
import { untilHello } from './placement.ts';
import { waitForRoom } from './room.ts';

const hourMs = 3_600_000;
/** Writes are refused for a minute at most (the agent sees to that); this much of it is for the last round and the switch. */
const holdMs = 45_000;
/** Of it, what comparing the copy may take. */
const verifyMs = 15_000;
/** Sent in well under a second. */
const smallRoundBytes = 16 * 1024 * 1024;
const maxRounds = 8;
const lookEveryMs = 100;
const againAfterMs = 60_000;
const maxHolds = 5;

export interface MoveParams {
  /** Null or not given: the one with most room. */
  readonly host?: string | null;
  /** Null or not given: as many as it has. */
  readonly volumes?: number | null;
}

export interface MoveCheckpoint {
  /** How often writes were refused and the rest did not get through in time. */
  readonly holds: number;
}

export interface MoveResult extends Verified {
  readonly host: string;
  readonly volumes: number;
  /** For how long writes were refused. */
  readonly heldMs: number;
}

type MoveRun = TaskRun<MoveParams, MoveCheckpoint>;

/**
 * Copies the files of the database to another host while it is written to, round after round; refuses writes for the rest of them; and makes
 * the copy the one in use once it answers the same. At any moment one copy takes writes, or none: until the switch every attempt first
 * shuts earlier ones out (Moves.fence), and after it only the new copy is let go of.
 */
export const move: Kind<MoveParams, MoveCheckpoint, MoveResult | null> = {
  lanes: 2,
  timeLimitMs: 48 * hourMs,
  maxAttempts: 20,
  params: {
    type: 'object',
    additionalProperties: false,
    properties: {
      host: { type: 'string', nullable: true, maxLength: 64 },
      volumes: { type: 'integer', nullable: true, minimum: 1, maximum: 16 },
    },
  },
  async run(run) {
    const database = await taskDatabase(run.task, run.services.management);
    if (!database) throw new Permanent('the database is gone');
    if (database.move && database.move.taskId !== run.task.id)
      throw new Permanent('another task is moving the database already');
    if (database.move?.phase === 'leaving') {
      await removeFormer(run, database);
      return { ...nothingVerified, host: database.hostId!, volumes: database.volumes, heldMs: 0 };
    }
    if (database.status !== 'active') throw new Permanent(`the database is ${database.status}`);
    if (isThere(database, run.params)) return null;
    const { begun, target, report } = await beginCopy(run, database);
    const { moved, verified, heldMs } = await copyAndSwitch(run, begun, target, report);
    await removeFormer(run, moved);
    return { ...verified, host: moved.hostId!, volumes: moved.volumes, heldMs: Math.round(heldMs) };
  },
  giveUp: settle,
  cancel: settle,
};

const nothingVerified: Verified = { series: 0, rows: 0, days: 0 };

function isThere(database: Database, { host, volumes }: MoveParams): boolean {
  return database.move === null && host === database.hostId && (volumes ?? database.volumes) === database.volumes;
}

interface Begun {
  readonly begun: Database;
  readonly target: Endpoint;
  readonly report: DatabaseReport;
}

/** A copy that takes files: the one of an earlier attempt where there is one. */
async function beginCopy(run: MoveRun, database: Database): Promise<Begun> {
  const { moves } = run.services.management;
  let current = await moves.fence(database);
  if (current.move) {
    await letGo(run, current);
    const { agent } = await knownHost(run, current.move.hostId);
    const report = await fillable(run, current, agent);
    if (report) return { begun: current, target: agent, report };
    current = await moves.end(current);
  }
  const volumes = run.params.volumes ?? current.volumes;
  for (const host of await candidates(run, current, volumes)) {
    const begun = await moves.begin(current, host, volumes, run.task.id);
    if (!begun) continue;
    const report = await fillable(run, begun, host.agent);
    if (report) return { begun, target: host.agent, report };
    current = await moves.end(begun);
  }
  const { host } = run.params;
  return waitForRoom(run, {
    reason: `${host ? `host ${host} has no` : `no other host in ${current.region} has`} room for ${volumes} volumes`,
    timeLimitMs: move.timeLimitMs,
    askForHost: !host,
  });
}

async function candidates({ params, services }: MoveRun, { hostId }: Database, volumes: number): Promise<Host[]> {
  if (params.host === hostId) throw new Permanent('a database moves to another number of volumes on another host only');
  const hosts = await services.management.hosts.hostsWithRoom(volumes);
  return hosts.filter(({ id }) => id !== hostId && (params.host == null || id === params.host));
}

/** Undefined when the host refuses. What an earlier attempt has started is made anew: it may have files of its own by now. */
async function fillable(
  { services, signal }: MoveRun,
  { id, accountId, schema, user, password, move: copy }: Database,
  agent: Endpoint,
): Promise<DatabaseReport | undefined> {
  const account = await services.management.accounts.getAccount(accountId);
  const wanted = { volumes: copy!.volumes, schema, ...processLimits(account, schema), user, password, filling: true };
  try {
    const report = await services.agents.putDatabase(agent, id, wanted, signal);
    if (report.state === 'filling') return report;
    await services.agents.deleteDatabase(agent, id, signal);
    return await services.agents.putDatabase(agent, id, wanted, signal);
  } catch (error) {
    if (error instanceof HostRefused) return undefined;
    throw error;
  }
}

interface Switched {
  readonly moved: Database;
  readonly verified: Verified;
  readonly heldMs: number;
}

async function copyAndSwitch(
  run: MoveRun,
  database: Database,
  target: Endpoint,
  { incarnation }: DatabaseReport,
): Promise<Switched> {
  const { services, signal } = run;
  const { agent: source } = await knownHost(run, database.hostId!);
  const engine = await services.connect(database);
  try {
    const arrived = await Arrived.load(services.objects, noteKey(run, database), incarnation);
    const way: Way = { database, engine, source, target, name: copyName(run), arrived };
    for (let round = 1; round <= maxRounds; round++) {
      // What is in parts is sent once; the journal would be sent again and again.
      await engine.checkpoint();
      if ((await copyRound(way, run, signal)) <= smallRoundBytes) break;
    }
    return await switchOver(run, way);
  } finally {
    await engine.close();
  }
}

/** From the refusal of writes to the switch; where that does not get through, the source takes writes again. */
async function switchOver(run: MoveRun, way: Way): Promise<Switched> {
  const { services, task } = run;
  const { database, engine, source, target } = way;
  const { agents } = services;
  const by = holderOf(run);
  const startedMs = performance.now();
  const timeLimit = AbortSignal.timeout(holdMs);
  const signal = AbortSignal.any([run.signal, timeLimit]);
  let switched = false;
  try {
    await agents.holdDatabase(source, database.id, { held: true, by }, signal);
    await copyRound(way, run, signal);
    await agents.startDatabase(target, database.id, { recover: null, heldBy: task.id }, signal);
    const endpoint = await untilRunning(run, target, database, signal);
    const copy = await services.connect({ ...database, endpoint });
    let verified: Verified;
    try {
      verified = await verifyCopy(engine, copy, { untilMs: startedMs + verifyMs, signal });
    } finally {
      await copy.close();
    }
    const { heldBy } = await agents.getDatabase(source, database.id, signal);
    if (heldBy !== by) throw new Error('the database took writes again before it was moved');
    signal.throwIfAborted();
    const moved = await services.management.moves.switchOver(database, endpoint);
    switched = true;
    await agents.holdDatabase(target, database.id, { held: false, by: task.id }, run.signal);
    return { moved, verified, heldMs: performance.now() - startedMs };
  } catch (error) {
    if (switched) throw error;
    await takeWritesAgain(run, database);
    // With the time over, the source has taken writes that the copy cannot have.
    if (error instanceof CopyDiffers && !timeLimit.aborted) run.log.error('a copy differs', { taskId: task.id, error });
    if (!timeLimit.aborted || run.signal.aborted) throw error;
    const holds = (run.checkpoint?.holds ?? 0) + 1;
    if (holds >= maxHolds)
      throw new Permanent(`the rest of the database could not be moved within ${holdMs / 1_000} s`);
    await run.saveCheckpoint({ holds });
    const reason = 'the rest of the database could not be moved in time; it takes writes, and is tried again';
    throw new Postponed(services.management.clock() + againAfterMs, reason);
  }
}

/** Where nobody else has changed it meanwhile; then it is theirs. */
async function takeWritesAgain(run: MoveRun, database: Database): Promise<void> {
  const now = await taskDatabase(run.task, run.services.management);
  if (now?.move?.phase !== 'copying' || now.version !== database.version) return;
  await letGo(run, await run.services.management.moves.fence(now));
}

/** The record was fenced: no earlier attempt can make its copy the one in use. */
async function letGo(run: MoveRun, { id, hostId }: Database): Promise<void> {
  const { agent } = await knownHost(run, hostId!);
  const by = holderOf(run);
  const signal = AbortSignal.timeout(holdMs);
  const { heldBy } = await run.services.agents.getDatabase(agent, id, signal);
  if (heldBy === null) return;
  if (heldBy !== by) await run.services.agents.holdDatabase(agent, id, { held: true, by }, signal);
  await run.services.agents.holdDatabase(agent, id, { held: false, by }, signal);
}

async function untilRunning(run: MoveRun, agent: Endpoint, database: Database, signal: AbortSignal): Promise<Endpoint> {
  for (;;) {
    const { state, endpoint, fault } = await run.services.agents.getDatabase(agent, database.id, signal);
    if (state === 'running' && endpoint) {
      await untilHello(endpoint, database, { ...run, signal });
      return endpoint;
    }
    if (state !== 'starting') throw new Error(`the process of the copy is ${state}`, { cause: fault });
    await delay(lookEveryMs, undefined, { signal });
  }
}

/** The copy is in use: it takes writes, and the former one goes. */
async function removeFormer(run: MoveRun, database: Database): Promise<void> {
  const { services, task, signal } = run;
  const { hosts, moves, tasks } = services.management;
  const { agent } = await knownHost(run, database.hostId!);
  await services.agents.holdDatabase(agent, database.id, { held: false, by: task.id }, signal);
  const former = await hosts.getHost(database.move!.hostId);
  if (former) await services.agents.deleteDatabase(former.agent, database.id, signal);
  await services.objects.remove(noteKey(run, database));
  // Its journal goes on under another name: a restore to a moment after the move begins with a backup that was made after it.
  const params = { reason: 'move', keepDays: 7 };
  const backup = { kind: 'backup', subject: database, params, requestedBy: task.requestedBy } as const;
  await services.announce(await tasks.createTask({ ...backup, id: `${task.id}-backup` }));
  await moves.end(database);
}

/** After a cancel or the last attempt: back, or forth where the copy is the one in use. */
async function settle(run: MoveRun): Promise<void> {
  const { services, signal } = run;
  const database = await taskDatabase(run.task, services.management);
  if (database?.move?.taskId !== run.task.id) return;
  if (database.move.phase === 'leaving') return removeFormer(run, database);
  const fenced = await services.management.moves.fence(database);
  await letGo(run, fenced);
  const [own, other] = [
    await knownHost(run, fenced.hostId!),
    await services.management.hosts.getHost(database.move.hostId),
  ];
  await services.agents.deleteBackup(own.agent, fenced.id, copyName(run), signal);
  if (other) await services.agents.deleteDatabase(other.agent, fenced.id, signal);
  await services.objects.remove(noteKey(run, fenced));
  await services.management.moves.end(fenced);
}

async function knownHost({ services }: MoveRun, id: string): Promise<Host> {
  const host = await services.management.hosts.getHost(id);
  if (!host) throw new Error('the host of the database is not registered', { cause: new Error(id) });
  return host;
}

/** Each attempt has its own: what an earlier one lets go of late is not this one's. */
function holderOf({ task }: MoveRun): string {
  return `${task.id}-${task.claims}`;
}

function copyName({ task }: MoveRun): string {
  return `move-${task.id}`.slice(0, 100);
}

function noteKey({ task }: MoveRun, { id }: Database): string {
  return `moves/${id}/${task.id}.json`;
}
