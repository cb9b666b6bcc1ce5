// The query shapes of the Time Series Benchmark Suite (timescale/tsbs, windows as in its code), as data: each target puts them in its own words.
import { Random } from './random.ts';
import { type DataSet, endS, fieldNames, startS } from './tsbs.ts';

export interface Shape {
  readonly name: string;
  /** last: the newest point of each host. */
  readonly op: 'max' | 'avg' | 'last';
  readonly fields: number;
  /** Chosen at random for each query; null: all of them. */
  readonly hosts: number | null;
  /** The window, at a random place in the data; null: all of the last day. */
  readonly windowS: number | null;
  /** 0: no buckets. */
  readonly bucketS: number;
  readonly byHost: boolean;
}

/** One query: a shape with its hosts and its window filled in. */
export interface Query {
  readonly shape: Shape;
  readonly fields: readonly string[];
  readonly hosts: readonly string[] | null;
  /** [fromS, untilS), on the edges of buckets, so that every target has the same buckets. */
  readonly fromS: number;
  readonly untilS: number;
}

const hourS = 3_600;
const all = fieldNames.length;

export const singleGroupby: Shape = {
  name: 'single-groupby-1-1-1',
  op: 'max',
  fields: 1,
  hosts: 1,
  windowS: hourS,
  bucketS: 60,
  byHost: false,
};
export const singleGroupby8: Shape = { ...singleGroupby, name: 'single-groupby-5-8-1', fields: 5, hosts: 8 };
export const cpuMaxAll8: Shape = {
  name: 'cpu-max-all-8',
  op: 'max',
  fields: all,
  hosts: 8,
  windowS: 8 * hourS,
  bucketS: hourS,
  byHost: false,
};
export const doubleGroupby: Shape = {
  name: 'double-groupby-1',
  op: 'avg',
  fields: 1,
  hosts: null,
  windowS: 12 * hourS,
  bucketS: hourS,
  byHost: true,
};
export const doubleGroupbyAll: Shape = { ...doubleGroupby, name: 'double-groupby-all', fields: all };
export const wholeDay: Shape = {
  name: 'day-to-300-points',
  op: 'avg',
  fields: 1,
  hosts: null,
  windowS: null,
  bucketS: 288,
  byHost: false,
};
export const lastPoint: Shape = {
  name: 'lastpoint',
  op: 'last',
  fields: all,
  hosts: null,
  windowS: null,
  bucketS: 0,
  byHost: true,
};
/** Not of TSBS: its lastpoint asks for every field, for which VictoriaMetrics has to look up ten times as many series. */
export const lastPointOfOneField: Shape = { ...lastPoint, name: 'lastpoint-1-field', fields: 1 };

export const shapes: readonly Shape[] = [
  singleGroupby,
  singleGroupby8,
  cpuMaxAll8,
  doubleGroupby,
  doubleGroupbyAll,
  wholeDay,
  lastPoint,
  lastPointOfOneField,
];

/** `count` queries of a shape over a data set, the same for the same seed. */
export function queries(shape: Shape, data: DataSet, count: number, seed: number): Query[] {
  const random = new Random(seed);
  return Array.from({ length: count }, () => fill(shape, data, random));
}

function fill(shape: Shape, data: DataSet, random: Random): Query {
  const hosts = shape.hosts === null ? null : pickHosts(Math.min(shape.hosts, data.hosts), data.hosts, random);
  return { shape, fields: fieldNames.slice(0, shape.fields), hosts, ...pickWindow(shape, data, random) };
}

function pickHosts(count: number, hosts: number, random: Random): string[] {
  const picked = new Set<string>();
  while (picked.size < count) picked.add(`host_${random.below(hosts)}`);
  return [...picked];
}

function pickWindow({ windowS, bucketS }: Shape, data: DataSet, random: Random): { fromS: number; untilS: number } {
  const { fromS: firstS = startS } = data;
  const lastS = endS(data);
  if (windowS === null) return { fromS: Math.max(firstS, lastS - 24 * hourS), untilS: lastS };
  const windows = Math.max(1, Math.floor((lastS - firstS - windowS) / bucketS) + 1);
  const fromS = firstS + random.below(windows) * bucketS;
  return { fromS, untilS: fromS + windowS };
}
