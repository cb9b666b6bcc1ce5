import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type LocalSettings, readLocalSettings } from '../../../infra/local/settings.ts';
import { ConfigError } from '../../../src/base/config.ts';

type Environment = Record<string, string>;

const read: readonly (readonly [args: string, env: Environment, expected: Partial<LocalSettings>])[] = [
  ['', {}, { regions: [{ name: 'eu-west-1', port: 8080 }], zones: 1, latencyMs: 0, proxy: false }],
  ['', { TSG_REGION: 'x-1', PORT: '0' }, { regions: [{ name: 'x-1', port: 0 }] }],
  [
    '--regions a,b --azs 2 --latency 80',
    { TSG_REGION: 'c', PORT: '9000' },
    {
      regions: [
        { name: 'a', port: 9000 },
        { name: 'b', port: 9001 },
      ],
      zones: 2,
      latencyMs: 80,
    },
  ],
  [
    '--regions=a,b --proxy',
    { PORT: '0' },
    {
      regions: [
        { name: 'a', port: 0 },
        { name: 'b', port: 0 },
      ],
      proxy: true,
    },
  ],
];

for (const [args, env, expected] of read) {
  test(`${args} with ${JSON.stringify(env)} is understood`, () => {
    const settings = readLocalSettings(args.split(' ').filter(Boolean), env)!;
    for (const [name, value] of Object.entries(expected)) {
      assert.deepEqual(settings[name as keyof LocalSettings], value);
    }
  });
}

test('--help asks for the usage', () => {
  assert.equal(readLocalSettings(['--help'], {}), undefined);
});

const refused: readonly (readonly [args: string, env: Environment, message: RegExp])[] = [
  ['--zones 2', {}, /^Unknown option '--zones'.*\nUsage: npm start/s],
  ['more', {}, /^Unexpected argument 'more'.*\nUsage: npm start/s],
  ['--regions a,,b', {}, /^\(nothing\) cannot be the name of a region/],
  ['--regions A', {}, /^A cannot be the name of a region/],
  ['--regions ../a', {}, /^\.\.\/a cannot be/],
  ['--regions a,b,a', {}, /^--regions a,b,a names a region twice$/],
  ['--azs 0', {}, /^--azs is 0; it must be an integer from 1 to 6$/],
  ['--latency x', {}, /^--latency is x;/],
  ['--latency 10', {}, /^--latency is between regions; /],
  ['--regions a,b', { PORT: '65535' }, /^PORT is 65535; it must be an integer from 0 to 65534$/],
  ['--azs 2', { REDIS_URL: 'redis://x' }, /^REDIS_URL is one Redis, and every zone needs its own; /],
  ['', { TSG_OBJECT_STORE: 'file:///tmp' }, /^TSG_OBJECT_STORE is file:\/\/\/tmp; it must be s3:/],
  ['', { TSG_DATA_DIR: 'a,b' }, /^TSG_DATA_DIR is a,b; its path must not have a comma$/],
];

for (const [args, env, message] of refused) {
  test(`${args} with ${JSON.stringify(env)} is refused`, () => {
    assert.throws(
      () => readLocalSettings(args.split(' ').filter(Boolean), env),
      (error: Error) => error instanceof ConfigError && message.test(error.message),
    );
  });
}
