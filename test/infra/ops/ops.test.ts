import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { test } from 'node:test';
import { Redis } from 'ioredis';
import { keepEnvironment } from '../../../infra/local/environment.ts';
import { cacheKeys } from '../../../src/base/names.ts';
import { theService } from '../../../src/management/audit.ts';
import { createSns, ensureTopic } from '../../../src/management/topic.ts';
import { ensureFeedQueue } from '../../../src/tasks/feed-queue.ts';
import { createSqs } from '../../../src/tasks/queue.ts';
import { openManagement, region } from '../../management/region.ts';
import { requireProgram } from '../../programs.ts';
import { startDynoxide, startFauxqs, startRedis, temporaryFolder } from '../../servers.ts';

const script = join(import.meta.dirname, '../../../infra/ops/main.ts');

async function ops(
  env: Record<string, string>,
  ...args: string[]
): Promise<{ code: number; out: string; err: string }> {
  const child = spawn(process.execPath, [script, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    err += chunk.toString();
  });
  const [code] = (await once(child, 'close')) as [number];
  return { code, out, err };
}

test('what differs from DynamoDB is found, and repaired', async (t) => {
  if (!requireProgram(t, 'redis-server', 'apt-get install redis-server')) return;
  const dynoxide = await startDynoxide();
  t.after(dynoxide.stop);
  const fauxqs = await startFauxqs();
  t.after(fauxqs.stop);
  const server = await startRedis();
  t.after(server.stop);
  const [sns, sqs] = [
    createSns({ region, endpoint: fauxqs.endpoint }),
    createSqs({ region, endpoint: fauxqs.endpoint }),
  ];
  await ensureFeedQueue(sqs, sns, await ensureTopic(sns));
  sns.destroy();
  sqs.destroy();
  const { tokens, accounts, databases, close } = await openManagement(dynoxide.endpoint, { redis: server.endpoint });
  t.after(close);
  const { token, secret } = await tokens.createToken({ accountId: 'a1', name: 't', scopes: ['read'] }, theService);
  const other = await tokens.createToken({ accountId: 'a1', name: 'other', scopes: ['read'] }, theService);
  await accounts.createAccount('acme', theService);
  await databases.createDatabase({ accountId: 'a1', name: 'x/y', region, volumes: 1, schema: 'flexible' }, theService);
  await tokens.revokeToken('a1', other.token.id, theService);
  await tokens.findToken('a guess');

  const folder = temporaryFolder();
  t.after(folder.remove);
  const env = { TSG_DATA_DIR: folder.path };
  const environment = {
    TSG_REGION: region,
    TSG_ZONE: 'a',
    TSG_OBJECT_STORE: 's3://none',
    TSG_DYNAMODB_ENDPOINT: dynoxide.endpoint,
    TSG_SQS_ENDPOINT: fauxqs.endpoint,
    TSG_REDIS_URLS: `a=${server.endpoint}`,
  };
  assert.match((await ops(env, 'feed')).err, /no region runs on/);
  keepEnvironment(folder.path, region, environment);

  const equal = await ops(env, 'cache', 'verify', '--json');
  assert.deepEqual(JSON.parse(equal.out).rows, [{ zone: 'a', entries: 6, different: 0, repaired: 0 }], equal.err);
  assert.equal(equal.code, 0);

  const redis = new Redis(server.endpoint);
  t.after(() => redis.disconnect());
  await redis.hset(cacheKeys.token + token.hash, 'record', JSON.stringify({ ...token, scopes: ['manage'] }));
  await redis.hset(cacheKeys.token + other.token.hash, 'version', 7, 'record', JSON.stringify(other.token));
  const found = await ops(env, 'cache', 'verify', '--json');
  const [summary, ...differences] = JSON.parse(found.out).rows;
  assert.deepEqual(summary, { zone: 'a', entries: 6, different: 2, repaired: 0 });
  assert.deepEqual(
    differences.map((row: { key: string }) => row.key).toSorted(),
    [token.hash, other.token.hash].toSorted(),
  );
  assert.equal(found.code, 1);

  assert.equal((await ops(env, 'cache', 'verify', '--repair')).code, 0);
  assert.equal((await ops(env, 'cache', 'verify')).code, 0);
  assert.deepEqual(await tokens.findToken(secret), token);

  const feed = await ops(env, 'feed', '--json');
  const rows = JSON.parse(feed.out).rows;
  assert.deepEqual(
    rows.map((row: { what: string }) => row.what),
    ['outbox', 'tsg-feed', 'tsg-feed-dead', 'zone a'],
  );
  // Nothing was published here: an account and its token, two tokens, a revocation, a database.
  assert.equal(rows[0].events, 6);
});

test('what it does not know', async () => {
  const { code, err } = await ops({}, 'cache', 'clean');
  assert.equal(code, 2);
  assert.match(err, /unknown command 'clean'/);
  const fast = await ops({}, 'feed', '--fast');
  assert.equal(fast.code, 2);
  assert.match(fast.err, /--fast/);
});
