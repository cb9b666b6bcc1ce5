// What a database can do. Two engines implement it: kdb+ and the embedded one; both are reached through EngineClient (client.ts),
// and the embedded process answers with its Store, which implements the same interface.
import type { AggregateOp } from './aggregates.ts';

export type FieldType = 'float' | 'long' | 'boolean' | 'string';
export type SchemaMode = 'flexible' | 'strict';

export interface Hello {
  readonly contract: number;
  readonly engine: string;
  readonly schema: SchemaMode;
  readonly catalogueVersion: bigint;
  readonly maxTagSets: bigint;
}

export interface SeriesDefinition {
  readonly series: string;
  readonly tags: readonly string[];
  readonly fields: readonly FieldDefinition[];
}

export interface FieldDefinition {
  readonly name: string;
  readonly type: FieldType;
}

/** Strings of one column: byte lengths and the bytes of all of them, one after the other. */
export interface Strings {
  readonly lengths: Int32Array;
  readonly bytes: Uint8Array;
}

/**
 * Field values of one insert, one per point.
 * 'number' is a float vector whose type the catalogue decides: float for a new field; accepted by a long field when every value is an integer
 * of at most 2^53 (JSON does not tell 1 from 1.0). 'long' widens into a float field. Any other difference is FieldTypeClash.
 */
export type FieldValues =
  | { readonly type: 'float' | 'number'; readonly values: Float64Array }
  | { readonly type: 'long'; readonly values: BigInt64Array }
  | { readonly type: 'boolean'; readonly values: Uint8Array }
  | { readonly type: 'string'; readonly values: Strings };

export interface FieldColumn {
  readonly name: string;
  /** 1 where the point gives the field, 0 where it does not (the value there is filler); null when every point gives it. */
  readonly validity: Uint8Array | null;
  readonly data: FieldValues;
}

/** The points of one series in one request. */
export interface InsertPart {
  readonly series: string;
  readonly tagNames: readonly string[];
  /** The distinct tag sets, once, by column: keys[tag][set]; '' = the set does not have the tag. */
  readonly keys: readonly (readonly string[])[];
  /** How many distinct tag sets there are: the length of each keys column; 1 when there are no tags. */
  readonly keyCount: number;
  /** Per point: the index of its tag set. */
  readonly row: Int32Array;
  /** Per point: nanoseconds since 1970. */
  readonly timeNs: BigInt64Array;
  readonly fields: readonly FieldColumn[];
}

export interface InsertReceipt {
  /** Points of the request (0 when its batch id was applied before). */
  readonly rows: bigint;
  /** How many were not newer than the newest point of their tag set. */
  readonly late: bigint;
  readonly catalogueVersion: bigint;
  /** Journal position after the record: everything up to it is what `durable` waits for. */
  readonly generation: bigint;
  readonly offset: bigint;
}

/** A place in the journal of a database; what was written up to there is behind it. */
export interface Position {
  readonly generation: bigint;
  readonly offset: bigint;
}

/** What an answer must have seen; absent: nothing in particular. */
export interface Seen {
  readonly position?: Position;
}

export interface InsertBatch {
  /** 16 bytes (batch-id.ts); one seen in the last 14 days changes nothing, of those that nobody chose one seen in the last minutes. */
  readonly batchId: Uint8Array;
  readonly parts: readonly InsertPart[];
}

export type FieldConstant = number | bigint | boolean | string;
export type Comparison = 'eq' | 'ne' | 'lt' | 'le' | 'gt' | 'ge';

/** A tag that a point does not have equals ''. A comparison with a field that is null is false (its `not` is true). */
export type Filter =
  | { readonly op: 'and' | 'or'; readonly of: readonly Filter[] }
  | { readonly op: 'not'; readonly of: Filter }
  | { readonly op: 'in'; readonly tag: string; readonly values: readonly string[] }
  | { readonly op: Comparison; readonly field: string; readonly value: FieldConstant }
  | { readonly op: 'null'; readonly field: string };

export type { AggregateOp };

export interface Aggregate {
  readonly op: AggregateOp;
  readonly field: string;
  /** Name of the result column; unique in the spec. */
  readonly as: string;
  /** Of a percentile: from 0 to 100. */
  readonly p?: number;
  /** Of a weighted average: the field of the weights. */
  readonly weight?: string;
}

export type Bucket =
  | { readonly kind: 'width'; readonly widthNs: bigint; readonly originNs: bigint }
  /** Ascending edges: bucket i is [edges[i], edges[i+1]); points outside are left out. */
  | { readonly kind: 'edges'; readonly edgesNs: BigInt64Array };

export interface Cursor {
  readonly timeNs: bigint;
  /** The tag-set id of the last row given. */
  readonly id: number;
}

/**
 * Aggregates when `select` has entries, else raw points. The range is [fromNs, toNs).
 * Result columns: aggregates: `by` tags, time (bucket start; only with `bucket`), then one per aggregate; rows sorted by the `by` tags (as text, by
 * code point), then time. Raw: time, tags (`by` when given, else every tag of the series), then `fields` (all when empty); rows sorted by the
 * `by` tags, then time, then tag-set id. A bucket or group without any value of a field holds null there; one without points is not in the result.
 *
 * Aggregates pass over nulls. `first` and `last` are by time, of equal times the lowest and the highest tag-set id. `spread` is max - min; `stddev` and
 * `variance` are those of a sample (n - 1), null for fewer than two values; `percentile` lies
 * linearly between the two values around place p / 100 · (n - 1) of them in order, counted from 0, and `median` is that of 50; `distinct` counts the different
 * values (0 and -0 are one); `wavg` is the sum of value · weight by the sum of weights, over points that have
 * both, null where the weights sum to 0.
 *
 * Others are about what happens from one point of a tag set to its next one: of each tag set first, then summed. A step is the difference of two values,
 * or the later one where that is lower (a counter that began at 0 again). `increase` sums the steps that end in the bucket, also the one from a bucket before
 * it, so that buckets add up to the whole range; `delta` those between points of the bucket only; `rate` is delta by the seconds between the first and the
 * last point in it; `derivative` last - first by these seconds, without resets; `integral` the area below straight lines between the points of the bucket, in
 * field · s; `twa`, the time-weighted average, the areas of all tag sets by their seconds, or the mean of the points where no tag set has two. Nothing is
 * extrapolated to the edges of a bucket or the range; null where no tag set has two points.
 */
export interface QuerySpec extends Seen {
  readonly series: string;
  readonly fromNs: bigint;
  readonly toNs: bigint;
  readonly where: Filter | null;
  readonly by: readonly string[];
  readonly bucket: Bucket | null;
  readonly select: readonly Aggregate[];
  readonly fields: readonly string[];
  readonly order: 'asc' | 'desc';
  /** At most this many rows; more remain when `next` is set (raw points without `by`), else the call fails with ResultTooLarge. */
  readonly limit: number;
  /** true: `limit` is what the caller asked for, so a cut is no error. */
  readonly cut: boolean;
  /** Raw points without `by` only: rows after this one. */
  readonly after: Cursor | null;
}

export type Column =
  | { readonly kind: 'time'; readonly name: string; readonly values: BigInt64Array }
  | { readonly kind: 'tag'; readonly name: string; readonly dictionary: readonly string[]; readonly index: Int32Array }
  /** NaN is null. */
  | { readonly kind: 'float'; readonly name: string; readonly values: Float64Array }
  /** -2^63 is null. */
  | { readonly kind: 'long'; readonly name: string; readonly values: BigInt64Array }
  /** 0, 1; 2 is null. */
  | { readonly kind: 'boolean'; readonly name: string; readonly values: Uint8Array }
  | { readonly kind: 'string'; readonly name: string; readonly validity: Uint8Array | null; readonly values: Strings };

export interface QueryResult {
  readonly columns: readonly Column[];
  readonly rows: number;
  readonly next: Cursor | null;
}

/** The newest value of each field per tag set, and the newest time; columns as for raw points. */
export interface LatestSpec extends Seen {
  readonly series: string;
  readonly where: Filter | null;
  readonly fields: readonly string[];
}

/**
 * Points of one series, each with the newest point of another one that is not later and has the same values of the tags `by`. Of points of the other series
 * at one time the one with the highest tag-set id counts, as a whole: a field that it does not have is null, whatever older ones have. Columns: those of raw
 * points, then `<other>.time` (a long, null where there is no such point) and `<other>.<field>` for its fields. Order and pages are those of raw points.
 */
export interface AsofSpec extends Seen {
  readonly series: string;
  readonly fromNs: bigint;
  readonly toNs: bigint;
  readonly where: Filter | null;
  readonly fields: readonly string[];
  /** Tags that both series have; none: any point of the other one. */
  readonly by: readonly string[];
  readonly other: {
    readonly series: string;
    readonly where: Filter | null;
    readonly fields: readonly string[];
  };
  /** How much older the other point may be; null: any. */
  readonly toleranceNs: bigint | null;
  readonly order: 'asc' | 'desc';
  readonly limit: number;
  readonly after: Cursor | null;
}

export interface TagValues {
  readonly tag: string;
  readonly values: readonly string[];
  /** Per value: the tag sets that carry it. */
  readonly tagSets: Int32Array;
}

export interface SeriesInfo extends SeriesDefinition {
  readonly tagSets: bigint;
  /** Null when the series has no points. */
  readonly firstNs: bigint | null;
  readonly lastNs: bigint | null;
  /** Stored points; an overwritten point may count twice until the next checkpoint. */
  readonly rows: bigint;
}

export interface SeriesPageSpec extends Seen {
  /** A name; null: from the first one on. */
  readonly after: string | null;
  readonly limit: number;
}

/** In the order of their names. A page may have fewer series than the limit and not be the last. */
export interface SeriesPage {
  readonly series: readonly SeriesInfo[];
  /** Where the next page begins: `after`; null at the end. */
  readonly next: string | null;
}

export interface Stats {
  readonly bytesPerVolume: BigInt64Array;
  readonly journalBytes: bigint;
  readonly hotRows: bigint;
  readonly lateRows: bigint;
  readonly parts: bigint;
  /** Where the journal ends, and when the last checkpoint of the process ended (null: it had none yet). Null, too, of a process of before they were said. */
  readonly journalEnd: Position | null;
  readonly checkpointNs: bigint | null;
}

/** What a query costs: it is run, and its result thrown away. */
export interface Explanation {
  /** Of the result. */
  readonly rows: bigint;
  /** Parts with points of the series in the range. */
  readonly parts: bigint;
  /** Read from parts, as stored. */
  readonly bytesPerVolume: BigInt64Array;
  /** Of parts, as stored, that were in memory already. */
  readonly bytesCached: bigint;
  /** Rows of the series that are in memory only, and those of them that were late. */
  readonly hotRows: bigint;
  readonly lateRows: bigint;
  /** Waiting for parts, and in all. */
  readonly readNs: bigint;
  readonly totalNs: bigint;
}

export interface DeleteSpec {
  readonly series: string;
  readonly fromNs: bigint;
  readonly toNs: bigint;
  readonly where: Filter | null;
  /** Only count. */
  readonly dryRun: boolean;
}

export interface TailSpec {
  readonly series: string;
  readonly generation: bigint;
  readonly offset: bigint;
  readonly maxRows: number;
}

export interface TailResult {
  readonly points: readonly InsertPart[];
  /** Where to go on. */
  readonly generation: bigint;
  readonly offset: bigint;
}

export interface BackupFile {
  /** Index of the volume, and the path below the database's directory on it. */
  readonly volume: number;
  readonly path: string;
  readonly bytes: bigint;
  readonly sha256: string;
}

/** What a call has merged. */
export interface Compaction {
  /** So many parts … */
  readonly parts: bigint;
  /** … have become so many, */
  readonly into: bigint;
  readonly bytesBefore: bigint;
  readonly bytesAfter: bigint;
  /** and so many are for the next calls. */
  readonly left: bigint;
}

/** Errors of every call are EngineError (engine-error.ts). `signal` aborts the work in the engine too. */
export interface Engine {
  hello(): Promise<Hello>;
  /** Creates or extends; a different type for an existing field is FieldTypeClash and changes nothing. */
  define(definition: SeriesDefinition): Promise<SeriesInfo>;
  /** With a catalogue version: CatalogueChanged when any series of the database was defined, extended or dropped since that one. */
  drop(series: string, catalogueVersion?: bigint): Promise<void>;
  describe(series: string): Promise<SeriesInfo>;
  /** Applied whole or not at all. This and every other change lasts when it resolves. */
  insert(batch: InsertBatch): Promise<InsertReceipt>;
  query(spec: QuerySpec, signal?: AbortSignal): Promise<QueryResult>;
  explain(spec: QuerySpec, signal?: AbortSignal): Promise<Explanation>;
  latest(spec: LatestSpec, signal?: AbortSignal): Promise<QueryResult>;
  asof(spec: AsofSpec, signal?: AbortSignal): Promise<QueryResult>;
  tags(series: string, seen?: Seen): Promise<readonly TagValues[]>;
  series(spec: SeriesPageSpec): Promise<SeriesPage>;
  stats(): Promise<Stats>;
  /** The points that match; they are gone when it resolves, unless dryRun. */
  delete(spec: DeleteSpec): Promise<bigint>;
  /** Drops every partition that ends at or before the time; gives the points dropped. */
  retain(beforeNs: bigint): Promise<bigint>;
  /** Merges small old parts, as many as one call may take; nothing that a query answers changes. */
  compact(): Promise<Compaction>;
  checkpoint(): Promise<void>;
  /** A consistent copy below the given directory on each volume, while writes go on. */
  backup(name: string): Promise<readonly BackupFile[]>;
  tail(spec: TailSpec): Promise<TailResult>;
}
