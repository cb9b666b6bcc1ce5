import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { parse } from 'yaml';
import {
  readAgentConfig,
  readApiConfig,
  readCanaryConfig,
  readReplicatorConfig,
  readWorkerConfig,
} from '../../../src/base/config.ts';
import { newRelic, topics } from '../../../src/base/names.ts';

const root = join(import.meta.dirname, '..', '..', '..');

interface Service {
  readonly image: string;
  readonly build?: { readonly context: string; readonly dockerfile: string };
  readonly command?: string | readonly string[];
  readonly environment?: Readonly<Record<string, string | number>>;
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly hostname?: string;
  readonly profiles?: readonly string[];
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly user?: string;
  readonly restart?: string;
}

const secrets = ['TSG_ADMIN_TOKEN', 'TSG_AGENT_SECRET', 'TSG_LINK_SECRET'];
/** Which programs take which settings, by their entry point. */
const readers = {
  'src/main.ts': readApiConfig,
  'workers/main.ts': readWorkerConfig,
  'workers/replicator.ts': readReplicatorConfig,
  'workers/canary.ts': readCanaryConfig,
  'kdb/agent/main.ts': readAgentConfig,
  'infra/compose/setup.ts': readReplicatorConfig,
};

let services: Record<string, Service>;
let volumes: readonly string[];

before(() => {
  const text = readFileSync(join(root, 'docker-compose.yml'), 'utf8');
  const document = parse(text, { merge: true }) as { services: typeof services; volumes: Record<string, null> };
  services = document.services;
  volumes = Object.keys(document.volumes);
});

/** As compose hands them over: texts, with what comes from outside filled in, but for the licence key. */
function environment(service: Service): Record<string, string> {
  const entries = Object.entries(service.environment ?? {});
  return Object.fromEntries(
    entries.map(([name, value]) => [
      name,
      String(value)
        .replace(/^\$\{NEW_RELIC_LICENSE_KEY:-\}$/, '')
        .replace(/^\$\{\w+:[?-][^}]*\}$/, 'a-long-random-text'),
    ]),
  );
}

/** As compose splits it, with a licence key or without. */
function commandOf({ command = [] }: Service, licensed = false): readonly string[] {
  if (typeof command !== 'string') return command;
  return command
    .replace(/\$\{NEW_RELIC_LICENSE_KEY:\+([^}]*)\}/, licensed ? '$1' : '')
    .split(' ')
    .filter(Boolean);
}
const entryPoint = (service: Service): string | undefined => commandOf(service).find((word) => word.endsWith('.ts'));
const own = (): [string, Service][] => Object.entries(services).filter(([, { image }]) => image === 'tsg');

test('there is a service of every program, and one server of each kind that they need', () => {
  const programs = own().map(([, service]) => entryPoint(service));
  assert.deepEqual(new Set(programs), new Set(Object.keys(readers)));
  const images = Object.values(services).map(({ image }) => image.split(':')[0]);
  for (const image of ['redis', 'amazon/dynamodb-local', 'kibertoad/fauxqs']) assert.ok(images.includes(image), image);
});

test('every image of others has a version', () => {
  for (const [name, { image }] of Object.entries(services))
    if (image !== 'tsg') assert.match(image, /^[a-z0-9/-]+:\d[\w.-]*$/, name);
});

test('every program starts with its settings, and knows every one of them', () => {
  for (const [name, service] of own()) {
    const env = environment(service);
    const asked = new Set<string>();
    const watched = new Proxy(env, {
      get(target, key) {
        asked.add(String(key));
        return Reflect.get(target, key) as unknown;
      },
    });
    readers[entryPoint(service) as keyof typeof readers](watched);
    assert.deepEqual(
      Object.keys(env).filter((key) => !asked.has(key) && !key.startsWith('NEW_RELIC_')),
      [],
      `${name} is told what it does not read`,
    );
  }
});

test("New Relic's agent is loaded where there is a licence key, and told to keep values to itself", () => {
  for (const name of ['api', 'worker', 'replicator']) {
    const service = services[name]!;
    assert.deepEqual(commandOf(service, true).slice(0, 5), ['node', ...newRelic.flags]);
    assert.ok(!commandOf(service).includes('newrelic'));
    const { NEW_RELIC_LICENSE_KEY, NEW_RELIC_APP_NAME, ...rest } = environment(service);
    assert.deepEqual([NEW_RELIC_LICENSE_KEY, NEW_RELIC_APP_NAME], ['', `tsg-${name}`]);
    for (const [variable, value] of Object.entries(newRelic.variables)) assert.equal(rest[variable], value, variable);
  }
  for (const [name, service] of own())
    if (commandOf(service, true).includes('newrelic') !== (service.environment?.[newRelic.licenseKey] !== undefined))
      assert.fail(name);
});

test('addresses name services, and the ports that these have', () => {
  const ports: Record<string, string> = { api: '8080', dynamodb: '8000', queues: '4566', redis: '6379' };
  for (const [name, service] of own()) {
    for (const [variable, value] of Object.entries(environment(service))) {
      if (variable === 'TSG_REGION_ENDPOINTS' || !/^(http|redis):/.test(value)) continue;
      const { hostname, port } = new URL(value);
      assert.equal(port, ports[hostname], `${name} ${variable}`);
      assert.ok(services[hostname], `${name} ${variable}`);
    }
  }
  const { TSG_REGION, TSG_TOPIC_ARN } = environment(services['api']!);
  assert.equal(TSG_TOPIC_ARN, `arn:aws:sns:${TSG_REGION}:000000000000:${topics.changes}`);
});

test('a host listens on its own name, so that its databases are found by it', () => {
  for (const [name, service] of own()) {
    const { TSG_AGENT_HOST } = environment(service);
    if (TSG_AGENT_HOST === undefined) continue;
    assert.equal(TSG_AGENT_HOST, name);
    assert.equal(service.hostname, name);
  }
  const ids = own().flatMap(([, service]) => environment(service)['TSG_HOST_ID'] ?? []);
  assert.equal(new Set(ids).size, ids.length);
});

test('only the API can be reached, and from this machine only', () => {
  const published = Object.entries(services).flatMap(([name, { ports = [] }]) => ports.map((port) => [name, port]));
  const { PORT } = environment(services['api']!);
  assert.deepEqual(published, [['api', `127.0.0.1:${PORT}:${PORT}`]]);
});

test('secrets come from outside, and must be set', () => {
  for (const [name, service] of own())
    for (const secret of secrets)
      if (service.environment?.[secret] !== undefined)
        assert.match(String(service.environment[secret]), new RegExp(`^\\$\\{${secret}:\\?.+\\}$`), name);
});

test('all but the set-up have a health check and start again', () => {
  for (const [name, { healthcheck, restart }] of Object.entries(services)) {
    if (name === 'setup') continue;
    assert.ok(healthcheck?.test.length, name);
    assert.equal(restart, 'unless-stopped', name);
  }
});

test('nobody starts before what it cannot start without', () => {
  for (const [name, { depends_on: needs = {} }] of own()) {
    for (const other of Object.keys(needs)) assert.ok(services[other], `${name} needs ${other}`);
    if (name === 'setup') assert.deepEqual(Object.keys(needs), ['dynamodb', 'queues']);
    else assert.equal(needs['setup']?.condition, 'service_completed_successfully', name);
  }
});

test('programs run on a read-only root without privileges, and write to volumes that are there', () => {
  for (const [name, service] of own()) {
    assert.equal(service.read_only, true, name);
    assert.deepEqual(service.cap_drop, ['ALL'], name);
    assert.equal(service.user, undefined, name);
  }
  for (const [name, { volumes: mounts = [] }] of Object.entries(services))
    for (const mount of mounts) {
      const volume = mount.split(':')[0]!;
      assert.ok(volume.startsWith('${TSG_Q_HOME') || volumes.includes(volume), `${name} ${mount}`);
    }
  for (const service of own().map(([, each]) => each)) {
    const { TSG_VOLUMES, TSG_OBJECT_STORE } = environment(service);
    const paths = service.volumes?.map((mount) => mount.split(':').at(-1)) ?? [];
    for (const path of TSG_VOLUMES?.split(',') ?? []) assert.ok(paths.includes(path), path);
    if (!['workers/replicator.ts', 'workers/canary.ts', 'infra/compose/setup.ts'].includes(entryPoint(service)!))
      assert.ok(paths.includes(new URL(TSG_OBJECT_STORE!).pathname));
  }
});

test('the profile kdb runs a host with the q, and the licence, of whoever starts it', () => {
  const inProfile = Object.entries(services).filter(([, { profiles }]) => profiles);
  assert.deepEqual(
    inProfile.map(([name, { profiles }]) => [name, profiles]),
    [
      ['canary', ['canary']],
      ['agent-q', ['kdb']],
    ],
  );
  const service = services['agent-q']!;
  const mount = service.volumes!.find((each) => each.startsWith('${TSG_Q_HOME'))!;
  assert.match(mount, /:\/opt\/kx\/q:ro$/);
  const { q } = readAgentConfig(environment(service));
  assert.deepEqual([q?.program, q?.home, q?.licence], ['/opt/kx/q/l64/q', '/opt/kx/q', '/opt/kx/q']);
});

test('the image has what the commands name, and is nobody who may do everything', () => {
  const { build } = services['api']!;
  const steps = readFileSync(join(root, build!.dockerfile), 'utf8').split('\n');
  const ignored = readFileSync(join(root, '.dockerignore'), 'utf8').split('\n');
  const copied = steps.flatMap((step) => /^COPY (?!--from)(.+) \S+$/.exec(step)?.[1]?.split(' ') ?? []);
  for (const source of copied) {
    assert.ok(existsSync(join(root, source)), source);
    assert.ok(ignored.includes(`!${source}`), source);
  }
  for (const [, service] of own())
    for (const word of [...commandOf(service), ...(service.healthcheck?.test ?? [])])
      if (word.endsWith('.ts')) assert.ok(existsSync(join(root, word)) && copied.includes(word.split('/')[0]!), word);
  assert.match(steps.findLast((step) => step.startsWith('USER ')) ?? '', /^USER node$/);
  assert.ok(steps.some((step) => step.startsWith('FROM') && step.endsWith('AS packages')));
});
