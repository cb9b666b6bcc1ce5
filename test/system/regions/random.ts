// Random changes from every region while random parts fail. In the end everything is whole again: every cache has what DynamoDB has, what was
// acknowledged is there, and what was not acknowledged is either there or not, in all regions alike.
// TSG_RANDOM_SEED repeats a run's choices; TSG_RANDOM_ROUNDS makes it longer.

import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { requireProgram } from '../../programs.ts';
import { until } from '../../until.ts';
import type { LocalRegion } from '../region.ts';
import { type Ask, type Reply, Service } from '../service.ts';
import { Replay } from './replay.ts';
import { assertNobodyCrashed, assertSettled, names, newAccount, redisNames, sharedWorld, verdicts } from './world.ts';

const seed = Number(process.env['TSG_RANDOM_SEED'] ?? Date.now() % 1_000_000);
const rounds = Number(process.env['TSG_RANDOM_ROUNDS'] ?? 1);
const people = 6;
const changesPerRound = 12;
const databaseChangesPerRound = 5;
const retentions = [7, 30, 90] as const;
const roles = ['owner', 'member', 'viewer'] as const;

/** Mulberry32. */
function createRandom(state: number): () => number {
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const random = createRandom(seed);
function pick<T>(items: readonly T[]): T {
  return items[Math.floor(random() * items.length)]!;
}

/** What something may be: one value after a change that was acknowledged, more after one of which nobody knows. */
class Possible<T> {
  #values: Set<T>;

  constructor(value: T) {
    this.#values = new Set([value]);
  }

  /** Undefined when there is more than one. */
  get only(): T | undefined {
    return this.#values.size === 1 ? [...this.#values][0] : undefined;
  }

  /** The change's outcome: taken, not taken, or unknown. An attempt that is still on its way is refused once another was taken. */
  settle(value: T, outcome: Outcome): void {
    if (outcome === 'taken') this.#values = new Set([value]);
    else if (outcome === 'unknown') this.#values.add(value);
  }

  has(value: T): boolean {
    return this.#values.has(value);
  }

  toString(): string {
    return [...this.#values].join(' or ');
  }
}

type Outcome = 'taken' | 'refused' | 'unknown';

/** A user with one token, as the model has it. */
interface Person {
  readonly id: string;
  readonly tokenId: string;
  readonly secret: string;
  readonly role: Possible<(typeof roles)[number] | 'removed'>;
  readonly token: Possible<'good' | 'revoked'>;
}

let regions: LocalRegion;
let at: Record<string, Service>;
let accountId: string;
type AccountStatus = 'active' | 'suspended' | 'closing' | 'closed';
let others: { id: string; secret: string; status: Possible<AccountStatus> }[];
const databases: {
  name: string;
  region: string;
  state: Possible<'there' | 'absent'>;
  retentionDays: Possible<number | null>;
}[] = [];
const everybody: Person[] = [];
const log: string[] = [];

before(async () => {
  regions = await sharedWorld();
  ({ id: accountId, at } = await newAccount(regions, 'random'));
  others = await Promise.all(
    ['bolt', 'cask'].map(async (name) => {
      const other = await newAccount(regions, name);
      return {
        id: other.id,
        secret: Object.values(other.at)[0]!.token,
        status: new Possible<AccountStatus>('active'),
      };
    }),
  );
});

/** From any region. A connection that broke and an answer of 503 say nothing about the change. */
async function change(path: string, ask: Ask, token?: string): Promise<{ outcome: Outcome; reply: Reply | undefined }> {
  const from = pick(names);
  const service = new Service(regions.urlOf(from), token ?? at[from]!.token);
  const reply = await service.ask(path, ask).catch(() => undefined);
  log.push(`${from} ${ask.method ?? 'POST'} ${path} ${JSON.stringify(ask.body ?? '')} → ${reply?.status ?? 'nothing'}`);
  if (reply && reply.status < 300) return { outcome: 'taken', reply };
  assert.ok(reply === undefined || [401, 404, 409, 503].includes(reply.status), `${path}: ${reply?.text}`);
  return { outcome: 'unknown', reply };
}

async function newPerson(): Promise<void> {
  const role = pick(roles);
  const user = await change('/v1/users', {
    body: { name: `u${everybody.length}-${Math.floor(random() * 1e9)}`, role },
  });
  if (user.outcome !== 'taken') return;
  const { id } = user.reply!.json.user;
  const token = await change('/v1/tokens', { body: { name: 't', scopes: ['read', 'write', 'manage'], user: id } });
  if (token.outcome !== 'taken') return;
  const {
    token: { id: tokenId },
    secret,
  } = token.reply!.json;
  everybody.push({
    id,
    tokenId,
    secret,
    role: new Possible<Person['role']['only'] & string>(role),
    token: new Possible<'good' | 'revoked'>('good'),
  });
}

async function changePerson(person: Person): Promise<void> {
  const what = random();
  // Asked for what it may be already, nothing is changed, and an attempt that is still on its way could come after it.
  const role = pick(roles.filter((each) => !person.role.has(each)));
  if (what < 0.6 && role !== undefined) {
    const { outcome } = await change(`/v1/users/${person.id}`, { method: 'PATCH', body: { role } });
    person.role.settle(role, outcome);
  } else if (what < 0.85) {
    const { outcome } = await change(`/v1/tokens/${person.tokenId}`, { method: 'DELETE' });
    person.token.settle('revoked', outcome);
  } else {
    const { outcome } = await change(`/v1/users/${person.id}`, { method: 'DELETE' });
    person.role.settle('removed', outcome);
    // Its tokens are taken away after it.
    person.token.settle('revoked', 'unknown');
  }
}

async function changeAccount(): Promise<void> {
  const { id, status: have } = pick(others.filter(({ status }) => !status.has('closed')));
  const status = pick((['active', 'suspended', 'closing'] as const).filter((each) => !have.has(each)));
  if (status === undefined) return;
  const path = `/v1/accounts/${id}`;
  const ask = status === 'closing' ? { method: 'DELETE' } : { method: 'PATCH', body: { status } };
  const { outcome } = await change(path, ask, regions.adminToken);
  have.settle(status, outcome);
}

/** A task removes what it has. */
async function closeAccount(): Promise<void> {
  const name = `short-lived-${others.length}`;
  const made = await change('/v1/accounts', { body: { name } }, regions.adminToken);
  if (made.outcome !== 'taken') return;
  const { account, token: secret } = made.reply!.json;
  const status = new Possible<AccountStatus>('active');
  others.push({ id: account.id, secret, status });
  const path = `/v1/accounts/${account.id}?grace-hours=0`;
  const { outcome } = await change(path, { method: 'DELETE' }, regions.adminToken);
  status.settle('closed', outcome);
}

/** One of them, or one more. A name is used once. */
async function changeDatabase(): Promise<void> {
  const database = pick(databases.filter(({ state }) => state.has('there')));
  const what = random();
  if (database !== undefined && what < 0.35) {
    const { outcome } = await change(`/v1/databases/${database.name}?confirm=${database.name}`, { method: 'DELETE' });
    database.state.settle('absent', outcome);
    return;
  }
  const retentionDays = database && pick(retentions.filter((days) => !database.retentionDays.has(days)));
  if (retentionDays !== undefined && what < 0.7) {
    const ask = { method: 'PATCH', body: { retentionDays } };
    const { outcome } = await change(`/v1/databases/${database!.name}`, ask);
    database!.retentionDays.settle(retentionDays, outcome);
    return;
  }
  const [name, region] = [`d${databases.length}`, pick(names)];
  const state = new Possible<'there' | 'absent'>('absent');
  databases.push({ name, region, state, retentionDays: new Possible<number | null>(null) });
  const { outcome } = await change('/v1/databases', { body: { name, region, volumes: 1 } });
  state.settle('there', outcome);
}

/** Changes of one person, or of accounts, one after the other; those of different ones side by side. */
async function makeChanges(): Promise<void> {
  const busy = new Set<Person>();
  const lane = async (): Promise<void> => {
    for (let i = 0; i < changesPerRound; i++) {
      const person = pick(everybody.filter((each) => !busy.has(each) && each.role.only !== 'removed'));
      if (!person || everybody.length < people) await newPerson();
      else {
        busy.add(person);
        await changePerson(person).finally(() => busy.delete(person));
      }
      // Readers everywhere: caches that nobody asks hold nothing wrong.
      await verdicts(regions, pick([...everybody, ...others]).secret).catch(() => {});
    }
  };
  const accounts = async (): Promise<void> => {
    await closeAccount();
    for (let i = 0; i < changesPerRound; i++) await changeAccount();
  };
  const places = async (): Promise<void> => {
    for (let i = 0; i < databaseChangesPerRound; i++) await changeDatabase();
  };
  await Promise.all([lane(), lane(), lane(), accounts(), places()]);
}

type Fault = readonly [string, () => Promise<unknown>];

function randomFault(replay: Replay): Fault {
  const name = pick(names);
  const { fauxqs } = regions.pids();
  const way = regions.proxy(name);
  const zone = pick(redisNames(regions));
  const during = async (
    begin: () => Promise<unknown> | boolean,
    end: () => Promise<unknown> | boolean,
  ): Promise<void> => {
    await begin();
    await delay(500 + 2_000 * random());
    await end();
  };
  return pick<Fault>([
    [`${name} is cut off`, () => during(way.cut, way.heal)],
    [`nothing passes from ${name}`, () => during(way.hold, way.heal)],
    [`${name} is far away`, () => during(() => way.delay(200), way.heal)],
    [`${zone} is killed`, () => regions.replace(zone)],
    [`the replicator of ${name} is killed`, () => regions.replace('replicator', name)],
    [`the worker of ${name} is killed`, () => regions.replace('worker', name)],
    [
      'SNS and SQS hang',
      () =>
        during(
          () => process.kill(fauxqs, 'SIGSTOP'),
          () => process.kill(fauxqs, 'SIGCONT'),
        ),
    ],
    [`old events come again in ${name}`, () => replay.send(name, random)],
  ]);
}

test(`random changes and faults (TSG_RANDOM_SEED=${seed})`, { timeout: 170_000 + rounds * 60_000 }, async (t) => {
  if (!requireProgram(t, 'redis-server', 'apt-get install redis-server')) return;
  const replay = await Replay.open(regions);
  t.after(() => replay.close());
  for (let round = 0; round < rounds; round++) {
    const faults = [randomFault(replay), randomFault(replay)];
    log.push(`round ${round}: ${faults.map(([what]) => what).join('; ')}`);
    // One after the other: two may be about the same part.
    const failing = (async () => {
      for (const [, happen] of faults) await happen();
    })();
    await Promise.all([makeChanges(), failing]);
    await replay.collect();
  }
  try {
    await tasksDone();
    await assertSettled(regions);
    await assertModel();
    await assertDatabases();
    assertNobodyCrashed(regions);
  } catch (error) {
    console.log(log.join('\n'));
    throw error;
  }
});

interface Listed {
  readonly retentionDays: number | null;
  readonly name: string;
  readonly region: string;
  readonly status: string;
}

async function listed(region: string): Promise<Listed[]> {
  return (await at[region]!.ask('/v1/databases')).json?.databases;
}

/** Databases are made or gone, and accounts that close without grace are closed. */
async function tasksDone(): Promise<void> {
  const operator = new Service(regions.url, regions.adminToken);
  await until(
    'every task to be done',
    async () => {
      if (!(await listed(names[0]!))?.every(({ status }) => status === 'active')) return false;
      for (const { id, status } of others) {
        const { json } = await operator.ask(`/v1/accounts/${id}`);
        if (json?.account?.status === 'closing' && status.has('closed')) return false;
      }
      return true;
    },
    90_000,
  );
}

async function assertDatabases(): Promise<void> {
  const lists = await Promise.all(names.map(listed));
  for (const list of lists) assert.deepEqual(list, lists[0]);
  for (const { name, region, state, retentionDays } of databases) {
    const found = lists[0]!.find((each) => each.name === name);
    assert.ok(state.has(found ? 'there' : 'absent'), `database ${name}: ${found?.status}; the model says ${state}`);
    if (found) {
      assert.equal(found.region, region);
      const { retentionDays: now } = found;
      assert.ok(retentionDays.has(now), `${name} keeps ${now} days; the model says ${retentionDays}`);
    }
    for (const each of names) {
      const reply = await at[each]!.ask(`/v1/databases/${name}/write`, { body: 'cpu v=1' });
      assert.equal(reply.status, !found ? 404 : each === region ? 200 : 421, `${name} in ${each}: ${reply.text}`);
    }
  }
}

async function assertModel(): Promise<void> {
  const users = await Promise.all(
    names.map(
      async (name) =>
        (await at[name]!.ask('/v1/users')).json.users as { id: string; role: Person['role']['only'] & string }[],
    ),
  );
  for (const list of users) assert.deepEqual(list, users[0]);
  for (const { id, secret, role, token } of everybody) {
    const now = users[0]!.find((user) => user.id === id)?.role ?? 'removed';
    assert.ok(role.has(now), `user ${id} is ${now}; the model says ${role}`);
    // Asked for what only an owner may do.
    const statuses = await Promise.all(names.map(async (name) => (await at[name]!.as(secret).ask('/v1/users')).status));
    const good = now === 'owner' ? 200 : 403;
    const expected = [
      ...(now !== 'removed' && token.has('good') ? [good] : []),
      ...(now === 'removed' || token.has('revoked') ? [401] : []),
    ];
    assert.ok(
      expected.includes(statuses[0]!),
      `token of ${id}: ${statuses[0]}, the model says ${expected.join(' or ')}`,
    );
    assert.deepEqual(
      statuses,
      statuses.map(() => statuses[0]),
      `token of ${id}`,
    );
  }
  const operator = new Service(regions.url, regions.adminToken);
  for (const { id, secret, status } of others) {
    const now = (await operator.ask(`/v1/accounts/${id}`)).json.account.status;
    assert.ok(status.has(now), `account ${id} is ${now}; the model says ${status}`);
    for (const name of names) {
      const reply = await at[name]!.as(secret).ask('/v1/tokens', { body: { name: 't', scopes: ['read'] } });
      const expected = now === 'active' ? 201 : now === 'suspended' ? 403 : 401;
      assert.equal(reply.status, expected, `${name}: ${reply.text}`);
    }
  }
  assert.ok(accountId);
  await until('every region to be ready', async () =>
    (await verdicts(regions, regions.adminToken)).every((each) => each === 404),
  );
}
