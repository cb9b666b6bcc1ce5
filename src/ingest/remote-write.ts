// Prometheus remote write 1.0 (https://prometheus.io/docs/specs/prw/remote_write_spec/): a series is __name__, its tags are the other labels, its only field
// is `value`. A sample that is NaN says that there is no value, also by Prometheus' own marker of series that ended: it is left out and counted.

import { isUtf8 } from 'node:buffer';
import { PbfReader } from 'pbf';
import { apiError } from '../base/errors.ts';
import { type Batch, BatchBuilder, type DecodeOptions } from './batch.ts';
import { shown } from './fault-list.ts';
import { Int64 } from './int64.ts';
import { Refusal } from './refusal.ts';
import type { SeriesRows } from './series.ts';

const field = 'value';

/** Field numbers of prompb/types.proto; metadata and others of the request are passed over. */
const requestFields = { timeseries: 1 } as const;
const seriesFields = { labels: 1, samples: 2, exemplars: 3, histograms: 4 } as const;
const pairFields = { first: 1, second: 2 } as const;

export function decodeRemoteWrite(body: Buffer, options: DecodeOptions): Batch {
  return new RemoteWriteDecoder(body, options).decode();
}

class RemoteWriteDecoder {
  private readonly body: Buffer;
  private readonly reader: PbfReader;
  private readonly batch: BatchBuilder;
  private readonly time = new Int64();
  private withoutValue = 0;

  // The series at hand.
  private readonly names: string[] = [];
  private readonly texts: string[] = [];
  private readonly values: number[] = [];
  private readonly timesMs: number[] = [];
  /** Exemplars and histograms. */
  private others = 0;

  constructor(body: Buffer, options: DecodeOptions) {
    this.body = body;
    this.reader = new PbfReader(body);
    this.batch = new BatchBuilder(body.length, options);
  }

  decode(): Batch {
    try {
      this.eachField(this.body.length, (number) => {
        if (number === requestFields.timeseries) this.readSeries();
      });
    } catch (error) {
      if (!isDamage(error)) throw error;
      throw apiError('InvalidPoints', { reason: `the body is no WriteRequest of Prometheus (${error.message})` });
    }
    return { ...this.batch.finish(), withoutValue: this.withoutValue };
  }

  private readSeries(): void {
    const { names, texts, values, timesMs } = this;
    names.length = texts.length = values.length = timesMs.length = this.others = 0;
    this.eachField(this.messageEnd(), (number) => {
      if (number === seriesFields.labels) this.readLabel();
      else if (number === seriesFields.samples) this.readSample();
      else if (number === seriesFields.exemplars || number === seriesFields.histograms) this.others++;
    });
    this.batch.budget.position = this.reader.pos;
    this.giveSeries();
  }

  private readLabel(): void {
    let name = '';
    let text = '';
    this.eachField(this.messageEnd(), (number) => {
      if (number === pairFields.first) name = this.readText();
      else if (number === pairFields.second) text = this.readText();
    });
    this.names.push(name);
    this.texts.push(text);
  }

  private readSample(): void {
    let value = 0;
    let timeMs = 0;
    this.eachField(this.messageEnd(), (number) => {
      if (number === pairFields.first) value = this.reader.readDouble();
      else if (number === pairFields.second) timeMs = this.reader.readVarint(true);
    });
    this.values.push(value);
    this.timesMs.push(timeMs);
  }

  private giveSeries(): void {
    const { batch, values } = this;
    const known = values.filter((value) => !Number.isNaN(value)).length;
    this.withoutValue += values.length - known;
    // A tag set is interned only for a point.
    const found = known > 0 ? this.identity() : null;
    for (const [i, value] of values.entries()) {
      batch.lines++;
      if (Number.isNaN(value)) continue;
      const refusal = found instanceof Refusal ? found : this.giveSample(found!, value, this.timesMs[i]!);
      if (refusal !== null) this.fault(refusal);
    }
    for (; this.others > 0; this.others--) {
      batch.lines++;
      this.fault(new Refusal('InvalidPoint', 'Exemplars and native histograms are not stored: do not send them'));
    }
  }

  /** The rows of the series, and the number of its tag set. */
  private identity(): { readonly rows: SeriesRows; readonly key: number } | Refusal {
    const { names, texts } = this;
    const name = texts[names.indexOf('__name__')];
    if (name === undefined) return new Refusal('InvalidPoint', 'The series has no label __name__', '__name__');
    const rows = this.batch.seriesRows(name);
    if (rows instanceof Refusal) return rows;
    const { tagSets } = rows;
    tagSets.begin();
    for (const [i, label] of names.entries()) {
      if (label === '__name__' || texts[i] === '') continue;
      const tag = tagSets.column(label);
      if (tag instanceof Refusal) return tag;
      const id = tag.idOfValue(texts[i]!);
      if (id instanceof Refusal) return id;
      const refusal = tagSets.give(tag, id);
      if (refusal !== null) return refusal;
    }
    return { rows, key: tagSets.end() };
  }

  private giveSample(found: { rows: SeriesRows; key: number }, value: number, timeMs: number): Refusal | null {
    const { rows, key } = found;
    if (!Number.isFinite(value)) return new Refusal('NotFinite', `${value} cannot be stored`, field);
    const seconds = Math.floor(timeMs / 1_000);
    if (!this.time.setUnix(seconds, (timeMs - 1_000 * seconds) * 1e6))
      return new Refusal('TimeOutOfRange', `${timeMs} ms is outside 1707-09-22 to 2262-04-11`, 'time');
    const column = rows.column(field);
    if (column instanceof Refusal) return column;
    column.setFloat(rows.rows, value);
    rows.commit(key, this.time, this.batch.lines);
    return null;
  }

  private fault({ code, column, message }: Refusal): void {
    const { faults, lines: line } = this.batch;
    if (!faults.wanted) {
      faults.count++;
      return;
    }
    const series = this.texts[this.names.indexOf('__name__')];
    faults.add({
      line,
      ...(series === undefined ? {} : { series: shown(series) }),
      ...(column === undefined ? {} : { column: shown(column) }),
      code,
      message,
    });
  }

  private eachField(end: number, read: (number: number) => void): void {
    const { reader } = this;
    for (let number = reader.nextField(end); number !== 0; number = reader.nextField(end)) read(number);
    if (reader.pos !== end) throw new SyntaxError('a message is not as long as it says');
  }

  /** Of the message that begins here. */
  private messageEnd(): number {
    const { reader, body } = this;
    if (reader.type !== 2) throw new SyntaxError('a message has another type');
    const bytes = reader.readVarint();
    const end = reader.pos + bytes;
    if (!(bytes >= 0 && end <= body.length)) throw new SyntaxError('a message is cut off');
    return end;
  }

  private readText(): string {
    const { reader, body } = this;
    const end = this.messageEnd();
    const { pos } = reader;
    reader.pos = end;
    const text = body.toString('utf8', pos, end);
    // As a replaced byte shows: names and tags then say so.
    return text.includes('\ufffd') && !isUtf8(body.subarray(pos, end)) ? '\ud800' : text;
  }
}

/** Ours, what a DataView says at its end, and the reader's two. */
function isDamage(error: unknown): error is Error {
  if (error instanceof SyntaxError || error instanceof RangeError) return true;
  return error instanceof Error && /^(Expected varint|Unimplemented type)/.test(error.message);
}
