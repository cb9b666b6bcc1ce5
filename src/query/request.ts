// What may be asked of a database, as JSON: the body of POST …/query. GET …/query is turned into the same.

import type { AggregateOp } from '../kdb/aggregates.ts';

export interface QueryRequest {
  readonly series: string;
  /** As text what the parameters `from` and `until` may be; as a number seconds since 1970. */
  readonly from?: string | number;
  readonly until?: string | number;
  readonly where?: Where;
  readonly groupBy?: readonly string[];
  /** Raw points: which fields; all of them when it is left out. */
  readonly fields?: readonly string[];
  readonly select?: readonly Selection[];
  readonly bucket?: BucketRequest;
  /** About so many buckets, of a width that reads well. */
  readonly points?: number;
  readonly fill?: Fill;
  readonly windows?: readonly WindowRequest[];
  readonly having?: Having;
  readonly top?: Ranking;
  readonly bottom?: Ranking;
  readonly downsample?: Downsample;
  readonly order?: Direction | ColumnOrder;
  readonly limit?: number;
  readonly limitPerGroup?: number;
  readonly cursor?: string;
  readonly format?: Format;
  readonly timeFormat?: TimeFormat;
  readonly timeoutMs?: number;
  readonly explain?: boolean;
}

export interface Selection extends Aggregation {
  /** Name of the column; `<aggregation>_<field>` when it is left out. */
  readonly as?: string;
}

export interface Aggregation {
  readonly field: string;
  readonly aggregation: AggregateOp;
  /** Of a percentile: from 0 to 100. */
  readonly p?: number;
  /** Of a weighted average: the field of the weights. */
  readonly weight?: string;
}

export interface BucketRequest {
  /** 500ms, 5m, 1d, 2w, 3mo, 1y. */
  readonly width: string;
  /** IANA; UTC when it is left out. */
  readonly timeZone?: string;
  /** Buckets begin so much later: 6h. */
  readonly offset?: string;
}

/** A node has `and`, `or`, `not`, or a tag or field with its operator. */
export interface Where {
  readonly and?: readonly Where[];
  readonly or?: readonly Where[];
  readonly not?: Where;
  readonly tag?: string;
  readonly field?: string;
  readonly op?: WhereOperator;
  readonly value?: Constant | readonly Constant[];
}

export type Constant = string | number | boolean;

export const whereOperators = ['=', '!=', '<', '<=', '>', '>=', 'between', 'in', 'not in', 'regex', 'is null'] as const;
export type WhereOperator = (typeof whereOperators)[number];

/** As Where, over columns of the result. */
export interface Having {
  readonly and?: readonly Having[];
  readonly or?: readonly Having[];
  readonly not?: Having;
  readonly column?: string;
  readonly op?: HavingOperator;
  readonly value?: Constant | readonly Constant[];
}

export const havingOperators = ['=', '!=', '<', '<=', '>', '>=', 'between', 'is null'] as const;
export type HavingOperator = (typeof havingOperators)[number];

export type Fill = 'none' | 'null' | 'previous' | 'linear' | { readonly value: Constant };

export const windowFunctions = [
  ...(['movingAverage', 'movingSum', 'movingMin', 'movingMax'] as const),
  ...(['exponentialMovingAverage', 'cumulativeSum', 'difference'] as const),
] as const;
export type WindowFunction = (typeof windowFunctions)[number];

export interface WindowRequest {
  readonly function: WindowFunction;
  /** A column of the result. */
  readonly column: string;
  /** How many rows of a group, the current one among them. */
  readonly size?: number;
  readonly as?: string;
}

/** The groups with the highest or lowest aggregates over the whole range. */
export interface Ranking extends Aggregation {
  readonly groups: number;
}

export const downsampleMethods = ['lttb', 'minmax'] as const;

export interface Downsample {
  readonly method: (typeof downsampleMethods)[number];
  /** Of each group. */
  readonly points: number;
}

export type Direction = 'asc' | 'desc';

export interface ColumnOrder {
  readonly column: string;
  readonly direction?: Direction;
}

export const formats = ['json', 'ndjson', 'csv'] as const;
export type Format = (typeof formats)[number];

export const timeFormats = ['iso', 'ns', 'us', 'ms', 's'] as const;
export type TimeFormat = (typeof timeFormats)[number];

/** The body of POST …/asof: points of a series, each with the newest one of another that is not later. */
export interface AsofRequest
  extends Pick<
    QueryRequest,
    'series' | 'from' | 'until' | 'where' | 'fields' | 'limit' | 'cursor' | 'format' | 'timeFormat' | 'timeoutMs'
  > {
  readonly other: Pick<QueryRequest, 'series' | 'where' | 'fields'>;
  /** Tags whose values are the same in both; those that both series have when it is left out. */
  readonly by?: readonly string[];
  /** How much older the other point may be: 5s. */
  readonly tolerance?: string;
  readonly order?: Direction;
}
