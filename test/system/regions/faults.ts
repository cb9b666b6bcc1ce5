// Every part on the way of a change fails while changes are made. Data is served all the time; afterwards every cache has what DynamoDB has.

import assert from 'node:assert/strict';
import { afterEach, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { showFeed } from '../../../infra/ops/feed.ts';
import { readReplicatorConfig } from '../../../src/base/config.ts';
import { requireProgram } from '../../programs.ts';
import { until } from '../../until.ts';
import type { ExtraApi, LocalRegion } from '../region.ts';
import { type Ask, type Reply, Service } from '../service.ts';
import { Replay } from './replay.ts';
import {
  ageCaches,
  assertAway,
  assertNobodyCrashed,
  assertSettled,
  home,
  names,
  newAccount,
  redisNames,
  sharedWorld,
  south,
  untilVerdict,
  west,
} from './world.ts';

/** TSG_SLOW=1: DynamoDB is away for a real minute, and longer than caches are believed. */
const awayMs = process.env['TSG_SLOW'] === '1' ? 75_000 : 0;

let regions: LocalRegion;
let at: Record<string, Service>;
let points = 0;

before(async () => {
  regions = await sharedWorld();
  ({ at } = await newAccount(regions, 'acme'));
  await Promise.all(names.map((name) => at[name]!.database(`in-${name}`, { region: name, volumes: 1 })));
});
afterEach(async () => {
  await assertDataIsServed();
  await assertSettled(regions);
  assertNobodyCrashed(regions);
});

async function assertDataIsServed(): Promise<void> {
  await Promise.all(
    names.map(async (name) => {
      const database = `in-${name}`;
      await at[name]!.write(database, `cpu,host=a usage=1 ${++points}`);
      assert.ok((await at[name]!.rows(database, 'cpu', { from: '0', aggregation: 'count' })).length > 0);
    }),
  );
}

interface Made {
  readonly id: string;
  readonly secret: string;
}

/** As a client does: again, when it is told to retry. On a busy machine DynamoDB may take too long. */
async function insist(region: string, path: string, ask: Ask, done: readonly number[]): Promise<Reply> {
  return until(`${path} to be taken`, async () => {
    const reply = await at[region]!.ask(path, ask);
    assert.ok(reply.status === 503 || done.includes(reply.status), reply.text);
    return reply.status !== 503 && reply;
  });
}

async function makeToken(region: string): Promise<Made> {
  const { json } = await insist(region, '/v1/tokens', { body: { name: 't', scopes: ['read'] } }, [201]);
  return { id: json.token.id, secret: json.secret };
}

/** One that was answered 503 may have been taken nevertheless. */
async function revoke(region: string, { id }: Made): Promise<void> {
  await insist(region, `/v1/tokens/${id}`, { method: 'DELETE' }, [204, 404]);
}

/** One token that every region knows. */
async function knownToken(region: string): Promise<Made> {
  const made = await makeToken(region);
  await untilVerdict(regions, made.secret, 404);
  return made;
}

/** Changes made while something is broken arrive everywhere, at the latest when it is whole again. */
async function changesArrive(broken: (change: () => Promise<void>) => Promise<void>): Promise<void> {
  const old = await Promise.all(names.map(knownToken));
  const made: Made[] = [];
  await broken(async () => {
    await Promise.all(names.map(async (name) => void made.push(await makeToken(name))));
    // Revoked elsewhere than it was made.
    await Promise.all(old.map((token, i) => revoke(names[(i + 1) % names.length]!, token)));
  });
  for (const { secret } of made) await untilVerdict(regions, secret, 404);
  for (const { secret } of old) await untilVerdict(regions, secret, 401);
}

test('DynamoDB is away: data is served from what the caches have, changes are refused until it is back', async () => {
  const { secret } = await knownToken(west);
  // It has read nothing yet: what it knows, it knows from the Redis of its zone.
  const cold: ExtraApi = await regions.startApi(west, `${west}b`);
  try {
    await Promise.all([regions.proxy(home).cut(), regions.proxy(south).cut(), regions.proxy(west).hold()]);
    const change = (name: string): Promise<Reply> =>
      at[name]!.ask('/v1/tokens', { body: { name: 'late', scopes: ['read'] } });
    // Where nothing passes, it takes some seconds to find out.
    const refusals = Promise.all(names.map(change));
    await ageCaches(regions, 61_000);
    await delay(awayMs);
    await assertDataIsServed();
    assert.equal((await new Service(cold.url, secret).ask(`/v1/databases/in-${west}`)).status, 200);
    // A process that starts now knows nothing of its own.
    await regions.replace('api', south);
    await until('it to serve', async () => (await fetch(`${regions.urlOf(south)}/ready`).catch(() => undefined))?.ok);
    await assertDataIsServed();
    for (const reply of await refusals) assertAway(reply);
  } finally {
    await Promise.all(names.map((name) => regions.proxy(name).heal()));
    await cold.stop();
  }
  await until('changes to be taken again', async () => {
    const replies = await Promise.all(
      names.map((name) => at[name]!.ask('/v1/tokens', { body: { name: 'again', scopes: ['read'] } })),
    );
    return replies.every(({ status }) => status === 201);
  });
  await changesArrive((change) => change());
});

test('the Redis of one zone is killed and comes back empty; elsewhere the replicator is killed in the middle of a batch', async (t) => {
  if (!requireProgram(t, 'redis-server', 'apt-get install redis-server')) return;
  const tokens = await Promise.all(Array.from({ length: 60 }, () => makeToken(home)));
  await changesArrive(async (change) => {
    const revoking = Promise.all(tokens.map((token) => revoke(home, token)));
    await regions.replace('replicator', south);
    await revoking;
    await regions.without([`${west}a.redis`], async () => {
      await assertDataIsServed();
      await change();
    });
  });
  for (const { secret } of tokens) await untilVerdict(regions, secret, 401);
});

test('no Redis is left in any region', async (t) => {
  if (!requireProgram(t, 'redis-server', 'apt-get install redis-server')) return;
  await changesArrive((change) =>
    regions.without(redisNames(regions), async () => {
      await assertDataIsServed();
      await change();
      await assertDataIsServed();
    }),
  );
});

test('SNS and SQS are gone, with what was in them', async () => {
  const startedMs = performance.now();
  await changesArrive((change) =>
    regions.without(['fauxqs'], async () => {
      await change();
      await assertDataIsServed();
    }),
  );
  const { rows } = await showFeed(readReplicatorConfig(regions.environment(west)));
  // What the zones had read before is not believed any more because the feed goes on.
  for (const { fenceAgeMs } of rows.filter(({ what }) => String(what).startsWith('zone')))
    assert.ok(Number(fenceAgeMs) < performance.now() - startedMs);
});

test('SNS and SQS hang', async () => {
  const { fauxqs } = regions.pids();
  await changesArrive(async (change) => {
    process.kill(fauxqs, 'SIGSTOP');
    await change().finally(() => process.kill(fauxqs, 'SIGCONT'));
  });
});

test('every event comes three times more, in no order, also to a zone that has lost all it had', async () => {
  const replay = await Replay.open(regions);
  try {
    const tokens = await Promise.all(names.map(knownToken));
    const { user } = (await at[home]!.ask('/v1/users', { body: { name: 'eve', role: 'viewer' } })).json;
    for (const role of ['member', 'viewer', 'member', 'viewer']) {
      const reply = await at[south]!.ask(`/v1/users/${user.id}`, { method: 'PATCH', body: { role } });
      assert.equal(reply.status, 200, reply.text);
    }
    const { json } = await at[west]!.ask('/v1/tokens', { body: { name: 't', scopes: ['read'], user: user.id } });
    await Promise.all(tokens.map((token) => revoke(west, token)));
    await untilVerdict(regions, json.secret, 404);
    await until('the events', async () => (await replay.collect()) >= 3 + 1 + 4 + 1 + 3);
    await regions.replace(`${west}b.redis`);
    await until('the feed to reach it', async () => {
      const { rows } = await showFeed(readReplicatorConfig(regions.environment(west)));
      return rows.every((row) => !String(row['what']).startsWith('zone') || row['heartbeatAgeMs'] != null);
    });
    await Promise.all(names.map((name) => replay.send(name, Math.random)));
    for (const { secret } of tokens) await untilVerdict(regions, secret, 401);
    await untilVerdict(regions, json.secret, 404);
  } finally {
    replay.close();
  }
});

test('two regions change one entity at once: one wins, the other is told, and no change is lost', async () => {
  const operator = new Service(regions.url, regions.adminToken);
  const { account } = (await operator.ask('/v1/accounts', { body: { name: 'dove' } })).json;
  const path = `/v1/accounts/${account.id}`;
  // Both read before either writes.
  const ways = [west, south].map((name) => regions.proxy(name));
  for (const way of ways) await way.delay(200);
  const limits: object[] = [];
  let conflicts = 0;
  try {
    for (let i = 1; i <= 5; i++) {
      const replies = await Promise.all(
        [west, south].map((name, j) =>
          new Service(regions.urlOf(name), regions.adminToken).ask(path, {
            method: 'PATCH',
            body: { limits: { series: 2 * i + j } },
          }),
        ),
      );
      for (const { status, json } of replies) {
        if (status === 200) limits.push(json.account.overrides);
        else assert.deepEqual([status, json.code], [409, 'Conflict']);
        conflicts += status === 409 ? 1 : 0;
      }
      assert.ok(replies.some(({ status }) => status === 200));
    }
  } finally {
    for (const way of ways) await way.heal();
  }
  assert.ok(conflicts > 0, 'no two changes met');
  for (const name of names) {
    const service = new Service(regions.urlOf(name), regions.adminToken);
    assert.deepEqual((await service.ask(path)).json.account.overrides, limits.at(-1));
  }
  const { entries } = (await operator.ask(`/v1/audit?account=${account.id}`)).json;
  assert.equal(entries.filter(({ action }: { action: string }) => action === 'changeAccount').length, limits.length);
});
