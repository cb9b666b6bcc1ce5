// The data of the Time Series Benchmark Suite's cpu-only case (timescale/tsbs, pkg/data/usecases/devops), written anew: line protocol with
// 10 tags and 10 fields, about 340 bytes a line, one line per host every 10 s, all hosts of a step one after the other.
import { Random } from './random.ts';

export const startS = 1_451_606_400; // 2016-01-01T00:00:00Z
export const stepS = 10;
export const stepsPerDay = 86_400 / stepS;
export const linesPerBody = 5_000;

export const fieldNames = [
  'usage_user',
  'usage_system',
  'usage_idle',
  'usage_nice',
  'usage_iowait',
  'usage_irq',
  'usage_softirq',
  'usage_steal',
  'usage_guest',
  'usage_guest_nice',
] as const;

/** cpu: as TSBS. Others for comparison: one field, ten text fields, or each field given by about one line in five. */
export type Variant = 'cpu' | 'one-field' | 'strings' | 'sparse';

export interface DataSet {
  readonly seed: number;
  readonly hosts: number;
  /** How many points each host has. */
  readonly steps: number;
  /** Of the first point; startS when left out. */
  readonly fromS?: number;
  readonly variant?: Variant;
}

export function rowsOf({ hosts, steps }: DataSet): number {
  return hosts * steps;
}

export function endS({ steps, fromS = startS }: DataSet): number {
  return fromS + steps * stepS;
}

/** The lines of a data set in request bodies of `linesPerBody` (the last one may be shorter). Made at about 430,000 lines a second (measured). */
export function* bodies(data: DataSet): Generator<{ readonly body: Buffer; readonly lines: number }> {
  const { hosts, steps, fromS = startS, variant = 'cpu' } = data;
  const random = new Random(data.seed);
  const prefixes = Array.from({ length: hosts }, (_, host) => `cpu,${tagText(host, random)} `);
  const state = Float64Array.from({ length: hosts * fieldNames.length }, () => random.uniform() * 100);
  const writeFields = fieldWriters[variant];
  let text = '';
  let lines = 0;
  for (let step = 0; step < steps; step++) {
    const end = ` ${fromS + step * stepS}000000000\n`;
    for (let host = 0; host < hosts; host++) {
      text += prefixes[host] + writeFields(state, host * fieldNames.length, random) + end;
      if (++lines < linesPerBody) continue;
      yield { body: Buffer.from(text, 'latin1'), lines };
      text = '';
      lines = 0;
    }
  }
  if (lines > 0) yield { body: Buffer.from(text, 'latin1'), lines };
}

/** `hostname=host_0,region=…`: the tags of one host, without the measurement. */
function tagText(host: number, random: Random): string {
  const [region, datacenters] = random.pick(regions);
  const tags = {
    hostname: `host_${host}`,
    region,
    datacenter: random.pick(datacenters),
    rack: random.below(100),
    os: random.pick(['Ubuntu16.10', 'Ubuntu16.04LTS', 'Ubuntu15.10']),
    arch: random.pick(['x64', 'x86']),
    team: random.pick(['SF', 'NYC', 'LON', 'CHI']),
    service: random.below(20),
    service_version: random.below(2),
    service_environment: random.pick(['production', 'staging', 'test']),
  };
  return Object.entries(tags)
    .map(([tag, value]) => `${tag}=${value}`)
    .join(',');
}

const regions: readonly (readonly [string, readonly string[]])[] = [
  ['us-east-1', ['us-east-1a', 'us-east-1b', 'us-east-1c', 'us-east-1e']],
  ['us-west-1', ['us-west-1a', 'us-west-1b']],
  ['us-west-2', ['us-west-2a', 'us-west-2b', 'us-west-2c']],
  ['eu-west-1', ['eu-west-1a', 'eu-west-1b', 'eu-west-1c']],
  ['eu-central-1', ['eu-central-1a', 'eu-central-1b']],
  ['ap-southeast-1', ['ap-southeast-1a', 'ap-southeast-1b']],
  ['ap-southeast-2', ['ap-southeast-2a', 'ap-southeast-2b']],
  ['ap-northeast-1', ['ap-northeast-1a', 'ap-northeast-1c']],
  ['sa-east-1', ['sa-east-1a', 'sa-east-1b', 'sa-east-1c']],
];

type FieldWriter = (state: Float64Array, base: number, random: Random) => string;

/** `usage_user=58i` for every field and value: a line is put together from ready pieces. */
const integers = fieldNames.map((name) => Array.from({ length: 101 }, (_, value) => `${name}=${value}i`));
const words = ['idle', 'low', 'moderate', 'busy', 'saturated'];
const texts = fieldNames.map((name) => words.map((word) => `${name}="${word}"`));

const fieldWriters: Record<Variant, FieldWriter> = {
  cpu: (state, base, random) => writeAll(state, base, random, (field, value) => integers[field]![Math.trunc(value)]!),
  strings: (state, base, random) =>
    writeAll(state, base, random, (field, value) => texts[field]![Math.min(4, Math.trunc(value / 20))]!),
  'one-field': (state, base, random) => integers[0]![Math.trunc(walk(state, base, random))]!,
  sparse(state, base, random) {
    const always = random.below(fieldNames.length);
    let text = '';
    for (let field = 0; field < fieldNames.length; field++) {
      const value = walk(state, base + field, random);
      if (field === always || random.below(10) === 0) text += (text && ',') + integers[field]![Math.trunc(value)]!;
    }
    return text;
  },
};

function writeAll(
  state: Float64Array,
  base: number,
  random: Random,
  write: (field: number, value: number) => string,
): string {
  let text = write(0, walk(state, base, random));
  for (let field = 1; field < fieldNames.length; field++) text += `,${write(field, walk(state, base + field, random))}`;
  return text;
}

/** One step of a random walk that stays between 0 and 100. */
function walk(state: Float64Array, index: number, random: Random): number {
  const value = Math.max(0, Math.min(100, state[index]! + random.normal()));
  state[index] = value;
  return value;
}
