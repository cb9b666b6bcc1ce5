// The semantics of an engine, as plainly as they can be written: a list of points, and loops over it.
import type { Aggregate, AsofSpec, Filter, LatestSpec, QuerySpec } from '../../src/kdb/engine.ts';
import type { Cell, Point, Value } from './points.ts';

interface Row {
  readonly id: number;
  readonly tags: Readonly<Record<string, string>>;
  readonly timeNs: bigint;
  readonly fields: Map<string, Value>;
}

interface Series {
  readonly tags: string[];
  readonly fields: string[];
  readonly ids: Map<string, number>;
  rows: Row[];
}

const dayNs = 86_400_000_000_000n;

export class Reference {
  readonly series = new Map<string, Series>();

  insert(points: readonly Point[]): void {
    for (const point of points) {
      const series = this.#series(point.series);
      for (const tag of Object.keys(point.tags)) if (!series.tags.includes(tag)) series.tags.push(tag);
      for (const field of Object.keys(point.fields)) if (!series.fields.includes(field)) series.fields.push(field);
      const present = Object.entries(point.tags).filter(([, value]) => value !== '');
      const key = JSON.stringify(present.sort(([a], [b]) => (a < b ? -1 : 1)));
      if (!series.ids.has(key)) series.ids.set(key, series.ids.size);
      const id = series.ids.get(key)!;
      let row = series.rows.find((candidate) => candidate.id === id && candidate.timeNs === point.timeNs);
      if (!row) {
        row = { id, tags: Object.fromEntries(present), timeNs: point.timeNs, fields: new Map() };
        series.rows.push(row);
      }
      for (const [field, value] of Object.entries(point.fields)) row.fields.set(field, value);
    }
  }

  define(name: string, tags: readonly string[], fields: readonly string[]): void {
    const series = this.#series(name);
    for (const tag of tags) if (!series.tags.includes(tag)) series.tags.push(tag);
    for (const field of fields) if (!series.fields.includes(field)) series.fields.push(field);
  }

  drop(name: string): void {
    this.series.delete(name);
  }

  delete(name: string, fromNs: bigint, toNs: bigint, where: Filter | null, dryRun = false): bigint {
    const series = this.series.get(name)!;
    const kept = series.rows.filter((row) => !(row.timeNs >= fromNs && row.timeNs < toNs && matches(where, row)));
    const gone = series.rows.length - kept.length;
    if (!dryRun) series.rows = kept;
    return BigInt(gone);
  }

  retain(beforeNs: bigint): bigint {
    let gone = 0;
    for (const series of this.series.values()) {
      const kept = series.rows.filter((row) => (floorDay(row.timeNs) + 1n) * dayNs > beforeNs);
      gone += series.rows.length - kept.length;
      series.rows = kept;
    }
    return BigInt(gone);
  }

  query(spec: QuerySpec): Cell[][] {
    const series = this.series.get(spec.series)!;
    const rows = series.rows.filter(
      (row) => row.timeNs >= spec.fromNs && row.timeNs < spec.toNs && matches(spec.where, row),
    );
    return spec.select.length > 0 ? this.#aggregate(spec, rows) : this.#points(series, spec, rows);
  }

  latest(spec: LatestSpec): Cell[][] {
    const series = this.series.get(spec.series)!;
    const fields = spec.fields.length > 0 ? spec.fields : series.fields;
    return [...Map.groupBy(series.rows, ({ id }) => id)]
      .sort(([a], [b]) => a - b)
      .map(([id, rows]) => {
        const sorted = rows.toSorted(byTime);
        const values = new Map(sorted.flatMap((row) => [...row.fields]));
        return { id, tags: sorted[0]!.tags, timeNs: sorted.at(-1)!.timeNs, fields: values };
      })
      .filter((row) => matches(spec.where, row))
      .map((row) => [
        row.timeNs,
        ...series.tags.map((tag) => row.tags[tag] ?? ''),
        ...fields.map((field) => row.fields.get(field) ?? null),
      ]);
  }

  asof(spec: AsofSpec): Cell[][] {
    const series = this.series.get(spec.series)!;
    const other = this.series.get(spec.other.series)!;
    const fields = spec.other.fields.length > 0 ? spec.other.fields : other.fields;
    const { by, toleranceNs, order, limit } = spec;
    return this.query({ ...spec, by: [], bucket: null, select: [], order, limit, cut: true }).map((cells) => {
      const [timeNs, ...rest] = cells as [bigint, ...string[]];
      const found = other.rows
        .filter((row) => by.every((tag) => (row.tags[tag] ?? '') === rest[series.tags.indexOf(tag)]))
        .filter((row) => row.timeNs <= timeNs && (toleranceNs === null || timeNs - row.timeNs <= toleranceNs))
        .filter((row) => matches(spec.other.where, row))
        .toSorted((a, b) => byTime(a, b) || a.id - b.id)
        .at(-1);
      return [...cells, found?.timeNs ?? null, ...fields.map((field) => found?.fields.get(field) ?? null)];
    });
  }

  #series(name: string): Series {
    let series = this.series.get(name);
    if (!series) {
      series = { tags: [], fields: [], ids: new Map(), rows: [] };
      this.series.set(name, series);
    }
    return series;
  }

  #points(series: Series, spec: QuerySpec, rows: readonly Row[]): Cell[][] {
    const sign = spec.order === 'desc' ? -1 : 1;
    const { after } = spec;
    const tags = spec.by.length > 0 ? spec.by : series.tags;
    const fields = spec.fields.length > 0 ? spec.fields : series.fields;
    return rows
      .toSorted((a, b) => byTags(spec.by, a, b) || sign * byTime(a, b) || a.id - b.id)
      .filter(
        (row) =>
          !after || sign * Number(row.timeNs - after.timeNs) > 0 || (row.timeNs === after.timeNs && row.id > after.id),
      )
      .slice(0, spec.limit)
      .map((row) => [
        row.timeNs,
        ...tags.map((tag) => row.tags[tag] ?? ''),
        ...fields.map((field) => row.fields.get(field) ?? null),
      ]);
  }

  #aggregate(spec: QuerySpec, rows: readonly Row[]): Cell[][] {
    const sign = spec.order === 'desc' ? -1 : 1;
    const cells = new Map<string, { bucket: bigint; rows: Row[] }>();
    for (const row of rows) {
      const bucket = bucketStart(spec, row.timeNs);
      if (bucket === null) continue;
      const key = JSON.stringify([...spec.by.map((tag) => row.tags[tag] ?? ''), String(bucket)]);
      if (!cells.has(key)) cells.set(key, { bucket, rows: [] });
      cells.get(key)!.rows.push(row);
    }
    const inBuckets = [...cells.values()].flatMap((cell) => cell.rows);
    return [...cells.values()]
      .sort((a, b) => byTags(spec.by, a.rows[0]!, b.rows[0]!) || sign * compare(a.bucket, b.bucket))
      .slice(0, spec.limit)
      .map((cell) => [
        ...spec.by.map((tag) => cell.rows[0]!.tags[tag] ?? ''),
        ...(spec.bucket ? [cell.bucket] : []),
        ...spec.select.map((aggregate) => reduce(aggregate, cell.rows, inBuckets)),
      ]);
  }
}

function bucketStart({ bucket }: QuerySpec, timeNs: bigint): bigint | null {
  if (bucket === null) return 0n;
  if (bucket.kind === 'width') {
    const distance = timeNs - bucket.originNs;
    const remainder = ((distance % bucket.widthNs) + bucket.widthNs) % bucket.widthNs;
    return timeNs - remainder;
  }
  const edges = [...bucket.edgesNs];
  const i = edges.findLastIndex((edge) => edge <= timeNs);
  return i < 0 || i === edges.length - 1 ? null : edges[i]!;
}

/** `everything`: the rows of all cells. */
function reduce({ op, field, weight, p = 50 }: Aggregate, all: readonly Row[], everything: readonly Row[]): Cell {
  const rows = all.filter((row) => row.fields.has(field) && (weight === undefined || row.fields.has(weight)));
  if (op === 'count') return BigInt(rows.length);
  if (op === 'distinct') return BigInt(new Set(rows.map((row) => row.fields.get(field))).size);
  if (rows.length === 0) return null;
  const values = rows.map((row) => row.fields.get(field)!);
  switch (op) {
    case 'sum':
      return typeof values[0] === 'bigint'
        ? (values as bigint[]).reduce((a, b) => a + b)
        : (values as number[]).reduce((a, b) => a + b);
    case 'avg':
      return typeof values[0] === 'bigint'
        ? Number((values as bigint[]).reduce((a, b) => a + b)) / values.length
        : (values as number[]).reduce((a, b) => a + b) / values.length;
    case 'min':
      return values.toSorted(compare)[0]!;
    case 'max':
      return values.toSorted(compare).at(-1)!;
    case 'first':
      return rows.toSorted((a, b) => byTime(a, b) || a.id - b.id)[0]!.fields.get(field)!;
    case 'last':
      return rows
        .toSorted((a, b) => byTime(a, b) || a.id - b.id)
        .at(-1)!
        .fields.get(field)!;
    case 'spread': {
      const sorted = values.toSorted(compare);
      const [low, high] = [sorted[0]!, sorted.at(-1)!];
      return typeof high === 'bigint' ? high - (low as bigint) : (high as number) - (low as number);
    }
    case 'variance':
      return variance(values.map(Number));
    case 'stddev': {
      const square = variance(values.map(Number));
      return square === null ? null : Math.sqrt(square);
    }
    case 'increase': {
      const steps = rows.flatMap((row) => {
        const before = everything
          .filter((other) => other.id === row.id && other.fields.has(field) && other.timeNs < row.timeNs)
          .toSorted(byTime)
          .at(-1);
        return before ? [stepOf(before.fields.get(field)!, row.fields.get(field)!)] : [];
      });
      return steps.length === 0 ? null : sum(steps);
    }
    case 'delta':
    case 'rate':
    case 'derivative':
    case 'integral':
    case 'twa': {
      const tracks = [...Map.groupBy(rows, ({ id }) => id).values()]
        .filter((own) => own.length > 1)
        .map((own) => trackOf(own.toSorted(byTime), field));
      const total = (read: (track: Track) => number) => sum(tracks.map(read));
      if (tracks.length === 0) return op === 'twa' ? sum(values.map(Number)) / values.length : null;
      if (op === 'delta') return total(({ delta }) => delta);
      if (op === 'rate') return total(({ delta, seconds }) => delta / seconds);
      if (op === 'derivative') return total(({ rise, seconds }) => rise / seconds);
      if (op === 'integral') return total(({ area }) => area);
      return total(({ area }) => area) / total(({ seconds }) => seconds);
    }
    case 'median':
    case 'percentile': {
      const sorted = values.map(Number).toSorted(compare);
      const place = (p / 100) * (sorted.length - 1);
      const [low, high] = [sorted[Math.floor(place)]!, sorted[Math.ceil(place)]!];
      return low + (high - low) * (place - Math.floor(place));
    }
    case 'wavg': {
      const weights = rows.map((row) => Number(row.fields.get(weight!)));
      const total = sum(weights);
      return total === 0 ? null : sum(values.map((value, i) => Number(value) * weights[i]!)) / total;
    }
  }
}

type Track = ReturnType<typeof trackOf>;

function trackOf(rows: readonly Row[], field: string) {
  const values = rows.map((row) => row.fields.get(field)!);
  const pairs = rows.slice(1).map((row, i) => ({ row, before: rows[i]!, value: values[i + 1]!, earlier: values[i]! }));
  const seconds = (later: Row, earlier: Row) => Number(later.timeNs - earlier.timeNs) / 1e9;
  return {
    seconds: seconds(rows.at(-1)!, rows[0]!),
    rise: differenceOf(values[0]!, values.at(-1)!),
    delta: sum(pairs.map(({ value, earlier }) => stepOf(earlier, value))),
    area: sum(
      pairs.map(({ row, before, value, earlier }) => ((Number(earlier) + Number(value)) / 2) * seconds(row, before)),
    ),
  };
}

function stepOf(before: Value, value: Value): number {
  return value < before ? Number(value) : differenceOf(before, value);
}

function differenceOf(before: Value, value: Value): number {
  return Number((value as number) - (before as number));
}

function sum(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0);
}

function variance(values: readonly number[]): number | null {
  if (values.length < 2) return null;
  const mean = sum(values) / values.length;
  return sum(values.map((value) => (value - mean) ** 2)) / (values.length - 1);
}

export function matches(
  filter: Filter | null,
  row: { tags: Readonly<Record<string, string>>; fields: Map<string, Value> },
): boolean {
  if (filter === null) return true;
  switch (filter.op) {
    case 'and':
      return filter.of.every((part) => matches(part, row));
    case 'or':
      return filter.of.some((part) => matches(part, row));
    case 'not':
      return !matches(filter.of, row);
    case 'in':
      return filter.values.includes(row.tags[filter.tag] ?? '');
    case 'null':
      return !row.fields.has(filter.field);
    default: {
      const value = row.fields.get(filter.field);
      if (value === undefined) return false;
      const sign =
        typeof value === 'string'
          ? Buffer.compare(Buffer.from(value), Buffer.from(String(filter.value)))
          : compare(value, filter.value as Value);
      return { eq: sign === 0, ne: sign !== 0, lt: sign < 0, le: sign <= 0, gt: sign > 0, ge: sign >= 0 }[filter.op];
    }
  }
}

function byTime(a: { timeNs: bigint }, b: { timeNs: bigint }): number {
  return compare(a.timeNs, b.timeNs);
}

function byTags(by: readonly string[], a: Row, b: Row): number {
  for (const tag of by) {
    const sign = Buffer.compare(Buffer.from(a.tags[tag] ?? ''), Buffer.from(b.tags[tag] ?? ''));
    if (sign !== 0) return sign;
  }
  return 0;
}

function compare(a: Value, b: Value): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function floorDay(timeNs: bigint): bigint {
  return timeNs < 0n ? -((-timeNs + dayNs - 1n) / dayNs) : timeNs / dayNs;
}
