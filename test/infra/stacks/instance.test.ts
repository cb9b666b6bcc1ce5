// How an instance starts: its scripts, run with stand-ins for AWS, the disks and the system.

import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import {
  readAgentConfig,
  readApiConfig,
  readCanaryConfig,
  readReplicatorConfig,
  readWorkerConfig,
} from '../../../src/base/config.ts';
import { newRelic } from '../../../src/base/names.ts';
import { requireProgram } from '../../programs.ts';
import { Instance, type Kind, scriptOf, shellcheck, userDataOf } from './instance-sandbox.ts';

const kinds: readonly Kind[] = ['Api', 'Workers', 'Hosts'];

function instance(t: TestContext): Instance {
  const made = new Instance();
  t.after(() => made.close());
  return made;
}

for (const kind of kinds) {
  test(`${kind}: shellcheck finds nothing`, (t) => {
    if (requireProgram(t, 'shellcheck', 'apt-get install shellcheck'))
      assert.equal(shellcheck(scriptOf(userDataOf(kind))), '');
  });

  test(`${kind}: starts, twice, and says nothing of what it is told in secret`, (t) => {
    const made = instance(t);
    const first = made.boot(kind);
    assert.equal(first.status, 0, first.output);
    const told = made.environment();
    const before = made.calls('systemctl');
    assert.match(before.at(-1)!, /^systemctl restart tsg-/);
    made.reboot();
    made.write('nobody-waits', '');
    const second = made.boot(kind);
    assert.equal(second.status, 0, second.output);
    assert.deepEqual(made.environment(), told);
    assertUnderstood(kind, told, made);
    assert.deepEqual(made.calls('systemctl'), before);
    assert.ok(Object.values(told).some((value) => value.includes('hidden-')));
    for (const text of [first.output, second.output, made.read('calls'), made.read('script')])
      assert.doesNotMatch(text, /hidden-/);
    assert.equal(statSync(join(made.folder, 'run/tsg/environment')).mode & 0o777, 0o600);
  });

  test(`${kind}: makes room for another one when it cannot start`, (t) => {
    const made = instance(t);
    made.write('no-image', '');
    assert.notEqual(made.boot(kind).status, 0);
    assert.deepEqual(made.calls('shutdown'), ['shutdown -h +5']);
    assert.deepEqual(signals(made), kind === 'Hosts' ? [] : ['FAILURE']);
    assert.deepEqual(
      made.calls('systemctl').filter((call) => call.includes('restart')),
      [],
    );
  });
}

for (const kind of ['Api', 'Workers'] as const) {
  test(`${kind}: says that it serves when it does, and that it does not`, (t) => {
    const made = instance(t);
    assert.equal(made.boot(kind).status, 0);
    assert.deepEqual(signals(made), ['SUCCESS']);
    assert.match(
      made.calls('aws').at(-1)!,
      new RegExp(`--stack-name tsg-eu-west-1 --logical-resource-id ${kind}Group --unique-id i-1`),
    );
    made.reboot();
    made.write('not-ready', '');
    assert.notEqual(made.boot(kind).status, 0);
    assert.deepEqual(signals(made), ['FAILURE']);
  });
}

test('API nodes know the Redis of their zone, workers those of all', (t) => {
  const made = instance(t);
  assert.equal(made.boot('Api').status, 0);
  const { REDIS_URL, TSG_REDIS_URLS, TSG_ZONE, TSG_HOST } = made.environment();
  assert.equal(TSG_ZONE, 'eu-west-1b');
  assert.equal(TSG_HOST, '10.1.2.3');
  assert.match(REDIS_URL!, /^rediss:\/\/:hidden-redis-password@Cacheeuwest1b\w*:6379$/);
  assert.match(TSG_REDIS_URLS!, /^eu-west-1a=rediss:.*,eu-west-1b=rediss:/);
});

test("New Relic's agent is loaded where there is a licence key", (t) => {
  const made = instance(t);
  assert.equal(made.boot('Workers').status, 0);
  const unit = (name: string): string => made.read(`run/systemd/system/tsg-${name}.service`);
  for (const [name, script] of [
    ['worker', 'workers/main.ts'],
    ['replicator', 'workers/replicator.ts'],
  ] as const) {
    assert.ok(unit(name).includes(` node ${newRelic.flags.join(' ')} ${script}\n`), unit(name));
    assert.ok(unit(name).includes(`--env NEW_RELIC_APP_NAME=tsg-${name} `));
  }
  const { NEW_RELIC_LICENSE_KEY, NEW_RELIC_LABELS, ...told } = made.environment();
  assert.deepEqual([NEW_RELIC_LICENSE_KEY, NEW_RELIC_LABELS], ['hidden-new-relic-license-key', 'region:eu-west-1']);
  for (const [name, value] of Object.entries(newRelic.variables)) assert.equal(told[name], value, name);
});

test('a canary runs where there is a token for it, which only that program is told', (t) => {
  const made = instance(t);
  assert.equal(made.boot('Workers').status, 0);
  const unit = made.read('run/systemd/system/tsg-canary.service');
  assert.match(unit, /--env-file \S+\/run\/tsg\/canary .* node workers\/canary\.ts$/m);
  assert.equal(made.read('run/tsg/canary'), 'TSG_CANARY_TOKEN=hidden-canary-token\n');
  assert.equal(statSync(join(made.folder, 'run/tsg/canary')).mode & 0o777, 0o600);
  assert.equal(made.environment()['TSG_CANARY_TOKEN'], undefined);
});

test('what is off is not told', (t) => {
  const made = instance(t);
  made.write('secrets/canary-token', 'none\n');
  made.write('secrets/new-relic-license-key', 'none\n');
  assert.equal(made.boot('Workers').status, 0);
  assert.equal(made.read('run/systemd/system/tsg-canary.service'), '');
  assert.match(made.read('run/systemd/system/tsg-worker.service'), / node workers\/main\.ts$/m);
  assert.deepEqual(
    Object.keys(made.environment()).filter((name) => /LOGGLY|NEW_RELIC/.test(name)),
    [],
  );
});

type Environment = Record<string, string | undefined>;

const programs: Readonly<Record<Kind, readonly (readonly [unit: string, read: (env: Environment) => unknown])[]>> = {
  Api: [['api', readApiConfig]],
  Workers: [
    ['worker', readWorkerConfig],
    ['replicator', readReplicatorConfig],
    ['canary', readCanaryConfig],
  ],
  Hosts: [['agent', readAgentConfig]],
};
/** newrelic's own, and the log's. */
const ofOthers = [
  ...[newRelic.licenseKey, 'NEW_RELIC_APP_NAME', 'NEW_RELIC_LABELS', ...Object.keys(newRelic.variables)],
  'LOGGLY_TOKEN',
];

/** Every program is told what it cannot do without, and nobody what nobody reads. */
function assertUnderstood(kind: Kind, told: Environment, made: Instance): void {
  const read = new Set(ofOthers);
  const unread = new Set(Object.keys(told));
  for (const [unit, readConfig] of programs[kind]) {
    const options = made.read(`run/systemd/system/tsg-${unit}.service`).matchAll(/--env (\w+)=(\S+)/g);
    const own = Object.fromEntries([...options].map(([, name, value]) => [name!, value!]));
    if (unit === 'canary') own['TSG_CANARY_TOKEN'] = made.read('run/tsg/canary').trim().split('=')[1]!;
    for (const name of Object.keys(own)) unread.add(name);
    readConfig(
      new Proxy({ ...told, ...own } as Environment, {
        get: (env, name: string) => {
          read.add(name);
          return env[name];
        },
      }),
    );
  }
  assert.deepEqual(
    [...unread].filter((name) => !read.has(name)),
    [],
  );
}

const volumes = [0, 1, 2, 3];
const mounts = volumes.map((i) => `mount -t xfs -o noatime,nodev,nosuid /dev/vol-0${i} /data/v${i}`);

test('host: volumes are attached, found, made where they are new, and mounted in their places', (t) => {
  const made = instance(t);
  // One is new, one still at an instance that ends while AWS does not always answer, one attached here already, one has data; devices come late.
  made.write('volumes/vol-01', 'in-use i-0\n\nin-use i-0\nNone None\navailable None\n');
  made.write('volumes/vol-02', 'in-use i-1\n');
  made.write('dev/vol-03', 'XFSB');
  made.write('late', '1\n2\n3\n');
  const { status, output } = made.boot('Hosts');
  assert.equal(status, 0, output);
  assert.deepEqual(made.calls('mount'), mounts);
  const attached = made.calls('aws').filter((call) => call.includes('attach-volume'));
  const attach = (i: number, device: string): string =>
    `aws ec2 attach-volume --volume-id vol-0${i} --instance-id i-1 --device /dev/${device}`;
  assert.deepEqual(attached, [attach(0, 'sdf'), attach(1, 'sdg'), attach(3, 'sdi')]);
  assert.deepEqual(
    made.calls('mkfs.xfs'),
    [0, 1, 2].map((i) => `mkfs.xfs -q /dev/vol-0${i}`),
  );
  const { TSG_VOLUMES, TSG_HOST_ID, TSG_Q_MEMORY_MB } = made.environment();
  assert.equal(TSG_VOLUMES!.replaceAll(made.folder, ''), '/data/v0,/data/v1,/data/v2,/data/v3');
  assert.equal(TSG_HOST_ID, 'tsg-host-eu-west-1a-0');
  assert.equal(TSG_Q_MEMORY_MB, '910');
  assert.equal(made.read('opt/kx/q/kc.lic'), 'hidden-licence');
  const unit = made.read('run/systemd/system/tsg-agent.service');
  for (const option of ['--read-only', '--cap-drop ALL', 'no-new-privileges', 'mode=non-blocking', '--network host'])
    assert.ok(unit.includes(option), option);
  assert.match(unit, /registry\.test\/tsg@sha256:agent node kdb\/agent\/main\.ts$/m);
  assert.match(unit, /^TimeoutStopSec=75$/m);

  made.reboot();
  assert.equal(made.boot('Hosts').status, 0);
  assert.deepEqual(made.calls('mkfs.xfs'), []);
  assert.deepEqual(
    made.calls('aws').filter((call) => call.includes('attach-volume')),
    [],
  );
  assert.deepEqual(made.calls('mount'), mounts);
});

const failures: readonly (readonly [title: string, given: (made: Instance) => void, says: RegExp])[] = [
  [
    'a volume that stays busy',
    (made) => made.write('volumes/vol-01', 'in-use i-0\n'),
    /vol-01 is in-use, at i-0, and does not/,
  ],
  ['a device that never comes', (made) => made.write('late', '\n'.repeat(70)), /no device has the serial vol00/],
  [
    'blkid cannot tell',
    (made) => made.write('blkid-vol-01', '8'),
    /blkid cannot tell what is on .*vol-01 \(it ended with 8\)/,
  ],
  [
    'something that blkid does not know',
    (made) => made.write('dev/vol-01', `${'\0'.repeat(512)}x`),
    /there is something on .*vol-01/,
  ],
];

for (const [title, given, says] of failures) {
  test(`host, ${title}: no file system is made on it, and no agent starts`, (t) => {
    const made = instance(t);
    given(made);
    const { status, output } = made.boot('Hosts', (script) =>
      script.replace("VOLUME_WAIT_S='900'", "VOLUME_WAIT_S='10'"),
    );
    assert.notEqual(status, 0);
    assert.match(output.replaceAll(made.folder, ''), says);
    assert.deepEqual(
      made.calls('mkfs.xfs').filter((call) => call.includes('vol-01')),
      [],
    );
    assert.deepEqual(
      made.calls('systemctl').filter((call) => call.includes('restart')),
      [],
    );
    assert.deepEqual(made.calls('shutdown'), ['shutdown -h +5']);
  });
}

function signals(made: Instance): string[] {
  return made
    .calls('aws')
    .filter((call) => call.includes('signal-resource'))
    .map((call) => call.split(' ').at(-1)!);
}
