import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Agent } from '../../kdb/agent/agent.ts';
import { Cgroup } from '../../kdb/agent/cgroup.ts';
import { Limits } from '../../kdb/agent/limits.ts';
import { memoryOf } from '../../kdb/agent/process-memory.ts';
import { silent } from '../management/region.ts';
import { temporaryFolder } from '../servers.ts';
import { until } from '../until.ts';
import { directoriesOf, standIn, startsOf, testHost, wanted } from './host.ts';

/** A database whose process is over its limit from its next start on. */
async function hungryDatabase(t: TestContext, files: Record<string, string>): Promise<{ agent: Agent; home: string }> {
  const host = testHost(t);
  const agent = host.agent();
  await agent.start();
  await agent.put('db-1', { ...wanted, memoryMb: 300 });
  const home = directoriesOf(host, 'db-1')[0]!;
  for (const [name, contents] of Object.entries(files)) writeFileSync(join(home, name), contents);
  process.kill(startsOf(home)[0]!, 'SIGKILL');
  return { agent, home };
}

const isOver = (agent: Agent) => agent.get('db-1')?.fault?.startsWith('over its memory limit of 300 MiB: ');

test('a process over its limit is ended and started again, in the end once a minute', async (t) => {
  const { agent } = await hungryDatabase(t, { hungry: '320' });
  await until('it is in a loop', () => agent.get('db-1')?.state === 'crash-loop', 60_000);
  assert.ok(isOver(agent));
  const { overMemory, memoryMb } = agent.processes()[0]!;
  assert.deepEqual([overMemory, memoryMb], [5, 300]);
});

test('one that does not end when it is told to is killed', async (t) => {
  const { agent } = await hungryDatabase(t, { hungry: '600', deaf: '' });
  await until(
    'it was killed',
    () => agent.get('db-1')?.fault === 'over its memory limit of 300 MiB: it was ended by SIGKILL',
  );
});

test('a higher limit holds at once', async (t) => {
  const host = testHost(t);
  const agent = host.agent();
  await agent.start();
  await agent.put('db-1', { ...wanted, memoryMb: 300 });
  await agent.limit('db-1', { ...wanted, memoryMb: 1_000 });
  const home = directoriesOf(host, 'db-1')[0]!;
  writeFileSync(join(home, 'hungry'), '400');
  process.kill(startsOf(home)[0]!, 'SIGKILL');
  const pid = await until('it runs', () => agent.processes()[0]!.state === 'running' && startsOf(home)[1]);
  assert.ok((await memoryOf(pid))!.ownBytes > 400 * 1024 ** 2);
  await agent.limit('db-1', { ...wanted, memoryMb: 300 });
  await until('the lower one too', () => isOver(agent));
});

test('a heap that is full is the limit too', async (t) => {
  const { agent } = await hungryDatabase(t, { greedy: '' });
  await until('its heap was full', () => isOver(agent), 60_000);
  assert.match(agent.get('db-1')!.fault!, /it was ended by SIGABRT|code 134/);
});

const limits: readonly (readonly [own: number | null, host: number | null, expected: number | null])[] = [
  [null, null, null],
  [100, null, 100],
  [null, 100, 100],
  [200, 100, 100],
  [100, 200, 100],
];

for (const [own, memoryMb, expected] of limits) {
  test(`a plan's ${own} MiB on a host that gives ${memoryMb} are ${expected}`, () => {
    assert.equal(new Limits({ cgroup: undefined, memoryMb, log: silent }).memoryMb(own), expected);
  });
}

test('Node gets a heap in step with the limit', () => {
  const options = (memoryMb: number | null) => standIn.environment('info', memoryMb)['NODE_OPTIONS'];
  assert.equal(options(null), '--max-semi-space-size=8');
  assert.equal(options(1_000), '--max-semi-space-size=8 --max-old-space-size=750');
  assert.equal(options(32_768), '--max-semi-space-size=8 --max-old-space-size=4096');
});

/** A folder in place of the kernel's: what is written to it can be read, and nothing else happens. */
function cgroupFolder(t: TestContext, controllers: string) {
  const folder = temporaryFolder();
  t.after(folder.remove);
  const group = join(folder.path, 'system.slice', 'agent.service');
  mkdirSync(group, { recursive: true });
  writeFileSync(join(group, 'cgroup.controllers'), `${controllers}\n`);
  for (const file of ['cgroup.procs', 'cgroup.subtree_control']) writeFileSync(join(group, file), '');
  const self = join(folder.path, 'self');
  writeFileSync(self, '4:memory:/old\n0::/system.slice/agent.service\n');
  return { root: folder.path, self, group };
}

test('with a cgroup of its own the agent stands in one child of it and each database in another', async (t) => {
  const { root, self, group } = cgroupFolder(t, 'cpuset cpu memory pids');
  const cpu = { percent: 150, weight: 10 };
  const cgroup = await Cgroup.take(cpu, { root, self });
  assert.equal(readFileSync(join(group, 'cgroup.subtree_control'), 'utf8'), '+memory +cpu');
  assert.equal(readFileSync(join(group, 'agent', 'cgroup.procs'), 'utf8'), String(process.pid));
  // An agent that is started again finds itself there.
  writeFileSync(self, '0::/system.slice/agent.service/agent\n');
  await Cgroup.take(cpu, { root, self });

  const host = testHost(t);
  const agent = host.agent({ limits: new Limits({ cgroup, memoryMb: 1_024, log: silent }) });
  await agent.start();
  await agent.put('db-1', wanted);
  const child = join(group, 'database-db-1');
  const written = () =>
    Object.fromEntries(readdirSync(child).map((name) => [name, readFileSync(join(child, name), 'utf8')]));
  const [pid] = startsOf(directoriesOf(host, 'db-1')[0]!);
  await until(
    'it is in its cgroup',
    () => existsSync(join(child, 'cgroup.procs')) && written()['cgroup.procs'] === String(pid),
  );
  assert.deepEqual(written(), {
    'cgroup.procs': String(pid),
    'cpu.max': '150000 100000',
    'cpu.weight': '10',
    'memory.high': String(960 * 1024 ** 2),
    'memory.max': String(1_024 * 1024 ** 2),
    'memory.swap.max': '0',
  });
  await agent.limit('db-1', { ...wanted, memoryMb: 512 });
  assert.equal(written()['memory.max'], String(512 * 1024 ** 2));

  // A person's kill -9 is none of the kernel's, which counts its own.
  process.kill(pid!, 'SIGKILL');
  const fault = () => agent.get('db-1')?.fault;
  await until('it was killed', () => fault() === 'it was ended by SIGKILL');
  const second = await until('it runs', () => agent.get('db-1')?.state === 'running' && agent.processes()[0]!.pid);
  writeFileSync(join(child, 'memory.events'), 'low 0\nhigh 3\nmax 12\noom 1\noom_kill 1\noom_group_kill 0\n');
  process.kill(second, 'SIGKILL');
  await until(
    'the kernel has killed it',
    () => fault() === 'over its memory limit of 512 MiB: it was ended by SIGKILL',
  );
});

const refused: readonly (readonly [
  name: string,
  change: (folder: ReturnType<typeof cgroupFolder>) => void,
  message: RegExp,
])[] = [
  [
    'without a memory controller',
    ({ group }) => writeFileSync(join(group, 'cgroup.controllers'), 'hugetlb'),
    /memory controller/,
  ],
  [
    'on a machine with cgroups of version 1',
    ({ self }) => writeFileSync(self, '4:memory:/x\n'),
    /no cgroup of version 2/,
  ],
  ['that is not there', ({ group }) => rmSync(group, { recursive: true }), /ENOENT/],
];

for (const [name, change, message] of refused) {
  test(`a cgroup ${name} is not used`, async (t) => {
    const folder = cgroupFolder(t, 'memory');
    change(folder);
    await assert.rejects(Cgroup.take({ percent: undefined, weight: undefined }, folder), message);
  });
}

test('a process that cannot be put into its cgroup is watched', async (t) => {
  const { root, self, group } = cgroupFolder(t, 'memory');
  const cgroup = await Cgroup.take({ percent: undefined, weight: undefined }, { root, self });
  writeFileSync(join(group, 'database-db-1'), 'in the way');
  const host = testHost(t);
  const agent = host.agent({ limits: new Limits({ cgroup, memoryMb: null, log: silent, watchEveryMs: 50 }) });
  await agent.start();
  await agent.put('db-1', { ...wanted, memoryMb: 300 });
  const home = directoriesOf(host, 'db-1')[0]!;
  writeFileSync(join(home, 'hungry'), '320');
  process.kill(startsOf(home)[0]!, 'SIGKILL');
  await until('it was over its limit', () => isOver(agent));
});
