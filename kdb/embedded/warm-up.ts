// Exercises inserts and queries on a little database in memory before the process says that it listens, so that V8 has compiled what the first requests run through.

import { codecs, requestFrame } from '../../src/kdb/calls/index.ts';
import { decodeInsertFrame } from '../../src/kdb/calls/insert.ts';
import type { InsertPart, QuerySpec } from '../../src/kdb/engine.ts';
import { Catalogue, Stage } from './memory/catalogue.ts';
import { planInsert } from './memory/insert-plan.ts';
import { Pace } from './pace.ts';
import { aggregate } from './query/aggregate.ts';
import { latestPoints } from './query/latest-points.ts';
import { rawPoints } from './query/raw.ts';
import { Source } from './query/source.ts';
import { PartSet } from './storage/parts.ts';
import { SliceCache } from './storage/slice-cache.ts';

/** Some hundreds of calls are what V8 wants to see; together about 0.2 s of one core. */
const rounds = 80;
const hosts = 10;
const minuteNs = 60_000_000_000n;

export async function warmUp(): Promise<void> {
  const catalogue = new Catalogue('flexible', hosts);
  for (let round = 0; round < rounds; round++) insert(catalogue, round);
  const series = catalogue.get('cpu');
  const parts = new PartSet([], 1);
  const cache = new SliceCache(0);
  for (let round = 0; round < rounds; round++) {
    for (const spec of [buckets, raw]) {
      const source = new Source(series, parts, cache, [0, 1]);
      const pace = new Pace();
      const result = spec === raw ? await rawPoints(source, spec, pace) : await aggregate(source, spec, pace);
      source.close();
      codecs['.tsg.query'].encodeReply(result);
    }
    latestPoints(series, { series: 'cpu', where: null, fields: [] }, new Pace());
  }
}

function insert(catalogue: Catalogue, round: number): void {
  const part: InsertPart = {
    series: 'cpu',
    tagNames: ['host'],
    keys: [Array.from({ length: hosts }, (_, i) => `h${i}`)],
    keyCount: hosts,
    row: Int32Array.from({ length: hosts }, (_, i) => i),
    timeNs: new BigInt64Array(hosts).fill(BigInt(round) * minuteNs),
    fields: [
      { name: 'load', validity: null, data: { type: 'float', values: new Float64Array(hosts).fill(round / 7) } },
      { name: 'user', validity: null, data: { type: 'long', values: new BigInt64Array(hosts).fill(BigInt(round)) } },
    ],
  };
  const frame = requestFrame(codecs['.tsg.insert'], { batchId: Buffer.alloc(16), parts: [part] });
  const stage = new Stage(catalogue);
  const plans = decodeInsertFrame(frame).map((batch) => planInsert(batch, stage));
  stage.commit();
  for (const plan of plans) for (const planned of plan.parts) catalogue.get(planned.series).apply(planned);
}

const everything = {
  series: 'cpu',
  fromNs: 0n,
  toNs: BigInt(rounds) * minuteNs,
  by: ['host'],
  order: 'asc',
  cut: false,
  after: null,
} as const;

const buckets: QuerySpec = {
  ...everything,
  where: { op: 'in', tag: 'host', values: ['h1', 'h2'] },
  bucket: { kind: 'width', widthNs: 5n * minuteNs, originNs: 0n },
  select: [
    { op: 'max', field: 'user', as: 'user' },
    { op: 'avg', field: 'load', as: 'load' },
  ],
  fields: [],
  limit: 10_000,
};

const raw: QuerySpec = {
  ...everything,
  where: { op: 'gt', field: 'load', value: 20 },
  bucket: null,
  select: [],
  fields: ['load'],
  limit: 100,
  cut: true,
};
