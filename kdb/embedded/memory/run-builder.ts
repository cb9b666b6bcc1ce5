import type { FieldDefinition } from '../../../src/kdb/engine.ts';
import { type Column, ColumnBuilder, columnBytes } from './columns.ts';
import type { RowCursor } from './row-cursor.ts';
import { boundaries, type Run, timeSpan } from './run.ts';

/** Takes rows in the order of (id, time); a row equal to the one before overwrites its fields. */
export class RunBuilder {
  readonly #era: number;
  readonly #fields: readonly FieldDefinition[];
  readonly #ids: Int32Array;
  readonly #times: Float64Array;
  readonly #columns: (ColumnBuilder | undefined)[] = [];
  #rows = 0;

  constructor(era: number, fields: readonly FieldDefinition[], capacity: number) {
    this.#era = era;
    this.#fields = fields;
    this.#ids = new Int32Array(capacity);
    this.#times = new Float64Array(capacity);
  }

  put(id: number, offset: number, sources: readonly (Column | undefined)[], row: number): void {
    const same = this.#rows > 0 && this.#ids[this.#rows - 1] === id && this.#times[this.#rows - 1] === offset;
    const at = same ? this.#rows - 1 : this.#rows++;
    this.#ids[at] = id;
    this.#times[at] = offset;
    for (let field = 0; field < sources.length; field++) {
      const source = sources[field];
      if (!source) continue;
      this.#column(field).put(at, source, row);
    }
  }

  /** The row at which a cursor stands, with the given fields. */
  putRow(cursor: RowCursor, fields: readonly number[]): void {
    const at = this.#rows++;
    this.#ids[at] = cursor.id;
    this.#times[at] = cursor.offset;
    for (const field of fields) {
      cursor.copy(field, this.#column(field), at);
    }
  }

  #column(field: number): ColumnBuilder {
    let column = this.#columns[field];
    if (!column) {
      column = new ColumnBuilder(this.#fields[field]!.type, this.#ids.length);
      this.#columns[field] = column;
    }
    return column;
  }

  build(): Run {
    const rows = this.#rows;
    const order = new Int32Array(rows).map((_, i) => i);
    const times = this.#times.slice(0, rows);
    const columns = Array.from({ length: this.#columns.length }, (_, field) => this.#columns[field]?.gathered(order));
    const { ids, starts } = boundaries(order, this.#ids);
    const bytes = columns.reduce(
      (sum, column) => sum + (column ? columnBytes(column) : 0),
      times.byteLength + ids.byteLength + starts.byteLength,
    );
    return { era: this.#era, rows, ids, starts, times, columns, ...timeSpan(times), bytes };
  }
}
