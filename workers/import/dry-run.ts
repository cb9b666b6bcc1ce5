// What an import would do: the first rows are read, and nothing is written.

import type { PointFault } from '../../src/base/errors.ts';
import { formatIsoNs } from '../../src/base/time.ts';
import type { Batch } from '../../src/ingest/batch.ts';
import { described } from '../../src/kdb/described.ts';
import type { Engine, InsertPart } from '../../src/kdb/engine.ts';

const maxNamed = 100;
const maxRows = 100_000;

export interface SeriesFindings {
  readonly series: string;
  readonly tags: readonly string[];
  /** `have`: of the series as it is defined, where that is another type. */
  readonly fields: readonly { readonly name: string; readonly type: string; readonly have?: string }[];
}

export class DryRun {
  rows = 0;
  rejected = 0;
  readonly faults: PointFault[] = [];
  #firstNs: bigint | null = null;
  #lastNs: bigint | null = null;
  readonly #series = new Map<string, { tags: Set<string>; fields: Map<string, string> }>();

  add(batch: Batch, firstLine: number): void {
    this.rows += batch.points;
    this.rejected += batch.faultCount;
    const more = batch.faults.slice(0, maxNamed - this.faults.length);
    this.faults.push(...more.map((fault) => ({ ...fault, line: fault.line + firstLine - 1 })));
    for (const part of batch.parts) this.#addPart(part);
  }

  get enough(): boolean {
    return this.rows + this.rejected >= maxRows;
  }

  #addPart({ series, tagNames, fields, timeNs }: InsertPart): void {
    const known = this.#series.get(series) ?? { tags: new Set<string>(), fields: new Map<string, string>() };
    this.#series.set(series, known);
    for (const tag of tagNames) known.tags.add(tag);
    for (const { name, data } of fields) known.fields.set(name, data.type === 'number' ? 'float' : data.type);
    for (const time of timeNs) {
      if (this.#firstNs === null || time < this.#firstNs) this.#firstNs = time;
      if (this.#lastNs === null || time > this.#lastNs) this.#lastNs = time;
    }
  }

  /** `share`: how much of the file was read. */
  async result(engine: Pick<Engine, 'describe'>, share: number): Promise<object> {
    const series: SeriesFindings[] = [];
    for (const [name, { tags, fields }] of [...this.#series].slice(0, maxNamed)) {
      const info = await described(engine, name);
      const have = new Map(info?.fields.map((field) => [field.name, field.type]));
      series.push({
        series: name,
        tags: [...tags],
        fields: [...fields].map(([field, type]) => {
          const defined = have.get(field);
          return { name: field, type, ...(defined !== undefined && defined !== type && { have: defined }) };
        }),
      });
    }
    const rows = this.rows + this.rejected;
    return {
      series,
      from: this.#firstNs === null ? null : formatIsoNs(this.#firstNs),
      until: this.#lastNs === null ? null : formatIsoNs(this.#lastNs),
      rowsRead: rows,
      rowsEstimated: share >= 1 ? rows : Math.round(rows / share),
      rejected: this.rejected,
      errors: this.faults,
    };
  }
}
