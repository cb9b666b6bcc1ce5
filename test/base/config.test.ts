import assert from 'node:assert/strict';
import { availableParallelism } from 'node:os';
import { test } from 'node:test';
import {
  ConfigError,
  type RegionConfig,
  readAgentConfig,
  readApiConfig,
  readWorkerConfig,
} from '../../src/base/config.ts';

const least = {
  TSG_REGION: 'a',
  TSG_ZONE: 'a1',
  TSG_REGION_ENDPOINTS: 'a=http://127.0.0.1:1',
  TSG_AGENT_SECRET: 'secret',
  TSG_OBJECT_STORE: 'file:///objects',
  TSG_LINK_SECRET: 'links',
};

const read: readonly (readonly [env: Record<string, string>, expected: Partial<RegionConfig>])[] = [
  [{}, { region: 'a', homeRegion: 'a', zone: 'a1', redisUrl: undefined, redisUrls: {}, topicArn: undefined }],
  [{ TSG_HOME_REGION: 'h' }, { region: 'a', homeRegion: 'h' }],
  [{ REDIS_URL: 'redis://x:1' }, { redisUrl: 'redis://x:1', redisUrls: { a1: 'redis://x:1' } }],
  [
    { REDIS_URL: 'redis://x:1', TSG_REDIS_URLS: 'a1=redis://x:1,a2=redis://:p=w@y:2' },
    { redisUrl: 'redis://x:1', redisUrls: { a1: 'redis://x:1', a2: 'redis://:p=w@y:2' } },
  ],
  [
    { TSG_REGION_ENDPOINTS: 'a=http://127.0.0.1:1/,b=https://b.example' },
    { regionEndpoints: { a: 'http://127.0.0.1:1', b: 'https://b.example' } },
  ],
  [{}, { objectStore: { kind: 'directory', path: '/objects', linkSecret: 'links' } }],
  [{ TSG_OBJECT_STORE: 's3://b' }, { objectStore: { kind: 's3', bucket: 'b', prefix: '', endpoint: undefined } }],
  [
    { TSG_OBJECT_STORE: 's3://b.x/a/b/', TSG_S3_ENDPOINT: 'http://s3' },
    { objectStore: { kind: 's3', bucket: 'b.x', prefix: 'a/b', endpoint: 'http://s3' } },
  ],
];

for (const [env, expected] of read) {
  test(`${JSON.stringify(env)} is read`, () => {
    const config = readApiConfig({ ...least, ...env });
    for (const [name, value] of Object.entries(expected)) assert.deepEqual(config[name as keyof RegionConfig], value);
  });
}

const refused: readonly (readonly [env: Record<string, string>, message: RegExp])[] = [
  [{ TSG_REGION: '' }, /^TSG_REGION is not set$/],
  [{ TSG_ZONE: '' }, /^TSG_ZONE is not set$/],
  [{ TSG_REGION_ENDPOINTS: 'b=http://x' }, /^TSG_REGION_ENDPOINTS does not name a,/],
  [{ TSG_REDIS_URLS: 'redis://:password@x' }, /^TSG_REDIS_URLS must be a list of name=url$/],
  [{ TSG_OBJECT_STORE: '' }, /^TSG_OBJECT_STORE is not set$/],
  [{ TSG_OBJECT_STORE: 'objects' }, /^TSG_OBJECT_STORE must be file:\/\/\/path or s3:\/\/bucket\/prefix$/],
  [{ TSG_LINK_SECRET: '' }, /^TSG_LINK_SECRET is not set$/],
  [{ TSG_REDIS_URLS: 'a1=http://:password@x' }, /^TSG_REDIS_URLS must be a list of name=url, each with redis:\/\/ or/],
  [{ REDIS_URL: 'http://:password@x' }, /^REDIS_URL must be a URL with redis:\/\/ or rediss:\/\/$/],
  [{ TSG_DYNAMODB_ENDPOINT: 'localhost:8000' }, /^TSG_DYNAMODB_ENDPOINT must be a URL with http:\/\/ or https:\/\/$/],
  [{ TSG_SQS_ENDPOINT: '127.0.0.1' }, /^TSG_SQS_ENDPOINT must be a URL/],
  [{ TSG_SNS_ENDPOINT: 'sns' }, /^TSG_SNS_ENDPOINT must be a URL/],
  [{ TSG_OBJECT_STORE: 's3://b', TSG_S3_ENDPOINT: 's3' }, /^TSG_S3_ENDPOINT must be a URL/],
  [{ TSG_TOPIC_ARN: 'tsg-changes' }, /^TSG_TOPIC_ARN is tsg-changes; it must be the ARN of an SNS topic$/],
  [
    { TSG_LOG_LEVEL: 'loud' },
    /^TSG_LOG_LEVEL is loud; it must be one of error, warn, info, http, verbose, debug, silly$/,
  ],
  [{ TSG_STOP_WITH_PARENT: 'yes' }, /^TSG_STOP_WITH_PARENT is yes; it must be one of 0, 1$/],
  [{ TSG_REDIS_URLS: 'a1=password' }, /^TSG_REDIS_URLS must be a list of name=url$/],
];

for (const [env, message] of refused) {
  test(`${JSON.stringify(env)} is refused`, () => {
    assert.throws(
      () => readApiConfig({ ...least, ...env }),
      (error: Error) => error instanceof ConfigError && message.test(error.message),
    );
  });
}

test('figures are shown where a port is given', () => {
  assert.equal(readWorkerConfig(least).metricsPort, undefined);
  assert.equal(readWorkerConfig({ ...least, TSG_METRICS_PORT: '9100' }).metricsPort, 9_100);
  assert.throws(() => readWorkerConfig({ ...least, TSG_METRICS_PORT: '0' }), ConfigError);
});

test('Loggly', () => {
  const { loggly } = readWorkerConfig({ ...least, LOGGLY_TOKEN: 't' });
  assert.deepEqual(loggly, { url: 'https://logs-01.loggly.com', token: 't' });
  assert.equal(readWorkerConfig({ ...least, LOGGLY_URL: 'https://x/' }).loggly, undefined);
  assert.throws(() => readWorkerConfig({ ...least, LOGGLY_TOKEN: 't', LOGGLY_URL: 'http://x' }), /LOGGLY_URL must be/);
});

test('a worker serves no requests and needs no addresses', () => {
  assert.deepEqual(readWorkerConfig({ ...least, TSG_REGION_ENDPOINTS: '' }).regionEndpoints, {});
});

test('a worker knows the object stores of all regions', () => {
  const env = { ...least, TSG_OBJECT_STORES: 'a=file:///other,b=file:///b,c=s3://c/x' };
  assert.deepEqual(readWorkerConfig(env).objectStores, {
    a: { kind: 'directory', path: '/objects', linkSecret: 'links' },
    b: { kind: 'directory', path: '/b', linkSecret: 'links' },
    c: { kind: 's3', bucket: 'c', prefix: 'x', endpoint: undefined },
  });
  assert.throws(
    () => readWorkerConfig({ ...least, TSG_OBJECT_STORES: 'b=http://x' }),
    /TSG_OBJECT_STORES must be a list of name=url, each with file/,
  );
});

const leastOfAgent = { ...least, TSG_HOST_ID: 'h1', TSG_VOLUMES: '/v0,/v1' };

test('an agent without settings of its own', () => {
  const { volumes, slots, startsAtOnce, databaseLogs } = readAgentConfig(leastOfAgent);
  assert.deepEqual({ volumes, slots, databaseLogs }, { volumes: ['/v0', '/v1'], slots: 64, databaseLogs: undefined });
  assert.equal(startsAtOnce, 2 * availableParallelism());
});

test('limits of database processes', () => {
  const limits = (env: Record<string, string>) => {
    const { databaseMemoryMb, databaseCpu } = readAgentConfig({ ...leastOfAgent, ...env });
    return [databaseMemoryMb, databaseCpu.percent, databaseCpu.weight];
  };
  assert.deepEqual(limits({}), [null, undefined, undefined]);
  const given = { TSG_DATABASE_MEMORY_MB: '4096', TSG_DATABASE_CPU_PERCENT: '150', TSG_DATABASE_CPU_WEIGHT: '10' };
  assert.deepEqual(limits(given), [4_096, 150, 10]);
});

test('log files of databases', () => {
  const logs = (env: Record<string, string>) =>
    readAgentConfig({ ...leastOfAgent, TSG_DATABASE_LOGS: '/l', ...env }).databaseLogs;
  assert.deepEqual(logs({}), { folder: '/l', maxFileBytes: 16 * 1024 ** 2, files: 4 });
  assert.deepEqual(logs({ TSG_DATABASE_LOG_MB: '1', TSG_DATABASE_LOG_FILES: '2' }), {
    ...{ folder: '/l', maxFileBytes: 1024 ** 2, files: 2 },
  });
});

const refusedOfAgent: readonly (readonly [env: Record<string, string>, message: RegExp])[] = [
  [{ TSG_HOST_ID: '' }, /^TSG_HOST_ID is not set$/],
  [{ TSG_VOLUMES: '' }, /^TSG_VOLUMES is not set$/],
  [{ TSG_VOLUMES: ',' }, /^TSG_VOLUMES is ,; it must be a list of absolute paths$/],
  [{ TSG_VOLUMES: '/v0,v1' }, /^TSG_VOLUMES is \/v0,v1; it must be a list of absolute paths$/],
  [{ TSG_MAX_HELD_MS: '60000' }, /^TSG_MAX_HELD_MS is 60000; it must be an integer from 100 to 55000$/],
  [{ TSG_SLOTS: '0' }, /^TSG_SLOTS is 0; it must be an integer from 1 to 10000$/],
  [{ TSG_DATABASE_MEMORY_MB: '2 GiB' }, /^TSG_DATABASE_MEMORY_MB is 2 GiB; it must be an integer from 64 to 16777216$/],
  [{ TSG_DATABASE_CPU_PERCENT: '0' }, /^TSG_DATABASE_CPU_PERCENT is 0; it must be an integer from 1 to 100000$/],
  [{ TSG_DATABASE_CPU_WEIGHT: '20000' }, /^TSG_DATABASE_CPU_WEIGHT is 20000; it must be an integer from 1 to 10000$/],
  [{ TSG_STARTS_AT_ONCE: 'all' }, /^TSG_STARTS_AT_ONCE is all; it must be an integer from 1 to 10000$/],
  [{ TSG_DATABASE_LOGS: '/l', TSG_DATABASE_LOG_MB: '16 MiB' }, /^TSG_DATABASE_LOG_MB is 16 MiB; it must be an integer/],
  [{ TSG_DATABASE_LOGS: '/l', TSG_DATABASE_LOG_FILES: '0' }, /^TSG_DATABASE_LOG_FILES is 0; .* from 1 to 100$/],
];

for (const [env, message] of refusedOfAgent) {
  test(`an agent refuses ${JSON.stringify(env)}`, () => {
    assert.throws(
      () => readAgentConfig({ ...leastOfAgent, ...env }),
      (error: Error) => error instanceof ConfigError && message.test(error.message),
    );
  });
}
