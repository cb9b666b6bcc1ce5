// `npm run bench`: measures the service through its public API, and with --peers the databases that people would pick instead, side by side.
import { mkdirSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { findProgram } from '../programs.ts';
import { Bench } from './bench.ts';
import type { Measure } from './measure.ts';
import { killPrograms } from './program.ts';
import { machine, table } from './report.ts';
import { growth } from './scenarios/growth.ts';
import { imports } from './scenarios/imports.ts';
import { ingest } from './scenarios/ingest.ts';
import { mixed } from './scenarios/mixed.ts';
import { queries } from './scenarios/queries.ts';
import { small } from './scenarios/small.ts';
import { stripes } from './scenarios/stripes.ts';
import { startInfluxdb } from './targets/influxdb.ts';
import { startOurs } from './targets/ours.ts';
import type { StartTarget } from './targets/target.ts';
import { startVictoriaMetrics } from './targets/victoria-metrics.ts';
import { stepsPerDay, type Variant } from './tsbs.ts';

const usage = `npm run bench -- [flags]
  --peers            also measure victoria-metrics and influxd, where they are on PATH
  --peers-only       only them
  --only <names>     of ingest, imports, queries, small, mixed, growth, stripes; comma-separated
  --hosts <n>        100
  --days <n>         1; may be a fraction
  --seed <n>         123
  --variant <name>   cpu, one-field, strings, sparse (queries need cpu)
  --volumes <n>      2
  --full             growth with 100 hosts × 20 days, as the goals name it (many minutes, gigabytes in TMPDIR)
  --json <file>      the report: bench-report.json
  --cpu-prof <dir>   CPU profiles of our API and database processes go into this folder; the figures are lower then`;

const scenarios: Readonly<Record<string, (bench: Bench) => Promise<Measure[]>>> = {
  ingest,
  imports,
  queries,
  small,
  mixed,
  growth,
  stripes,
};

const { values: flags } = parseArgs({
  options: {
    peers: { type: 'boolean', default: false },
    'peers-only': { type: 'boolean', default: false },
    only: { type: 'string', default: Object.keys(scenarios).join(',') },
    hosts: { type: 'string', default: '100' },
    days: { type: 'string', default: '1' },
    seed: { type: 'string', default: '123' },
    variant: { type: 'string', default: 'cpu' },
    volumes: { type: 'string', default: '2' },
    full: { type: 'boolean', default: false },
    json: { type: 'string', default: 'bench-report.json' },
    'cpu-prof': { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});
if (flags.help) {
  console.log(usage);
  process.exit(0);
}

const data = {
  seed: Number(flags.seed),
  hosts: Number(flags.hosts),
  steps: Math.round(Number(flags.days) * stepsPerDay),
  variant: flags.variant as Variant,
};
const profileFolder = flags['cpu-prof'] && resolve(flags['cpu-prof']);
if (profileFolder) mkdirSync(profileFolder, { recursive: true });
const onePressMs = 1_000;
let interruptedAtMs: number | undefined;

const bench = new Bench({ data, full: flags.full, profileFolder }, targets());
process.on('exit', killPrograms);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, interrupted);

try {
  const measures: Measure[] = [];
  for (const name of flags.only.split(',')) {
    const scenario = scenarios[name];
    if (!scenario) throw new Error(`there is no scenario ${name}\n${usage}`);
    measures.push(...(await scenario(bench)));
  }
  report(measures);
} finally {
  await bench.close();
}

function interrupted(signal: NodeJS.Signals): void {
  // One Ctrl-C arrives more than once: from the terminal, from npm and from the Node launcher.
  if (interruptedAtMs !== undefined && performance.now() - interruptedAtMs > onePressMs) process.exit(1);
  if (interruptedAtMs !== undefined) return;
  interruptedAtMs = performance.now();
  bench.progress(`${signal}: stopping what was started`);
  bench.close().finally(() => process.exit(1));
}

function targets(): StartTarget[] {
  const chosen: StartTarget[] = flags['peers-only'] ? [] : [startOurs({ volumes: Number(flags.volumes) })];
  if (!flags.peers && !flags['peers-only']) return chosen;
  const peers = { 'victoria-metrics': startVictoriaMetrics, influxd: startInfluxdb };
  for (const [program, start] of Object.entries(peers)) {
    if (findProgram(program)) chosen.push(start);
    else console.error(`${program} is not on PATH: it is left out`);
  }
  return chosen;
}

function report(measures: readonly Measure[]): void {
  const { faults } = bench;
  const on = machine();
  writeFileSync(flags.json, `${JSON.stringify({ machine: on, data, flags, measures, faults }, null, 2)}\n`);
  console.log(
    `${on.cpu}, ${on.cores} cores, ${on.memoryGb} GB, Linux ${on.kernel}, Node ${on.node}, commit ${on.commit}`,
  );
  console.log(`${data.hosts} hosts, ${data.steps} points each, variant ${data.variant}, seed ${data.seed}\n`);
  console.log(table(measures));
  for (const fault of faults) console.log(`\nNOT COMPARABLE: ${fault}`);
  if (faults.length > 0) process.exitCode = 1;
  console.log(`\nThe report is in ${flags.json}`);
}
