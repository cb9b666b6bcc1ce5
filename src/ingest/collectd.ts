// Lists of values as collectd's write_http plugin sends them with `Format "JSON"`: {"values":[1,2],"dsnames":["read","write"],"dstypes":[…],"time":1.5,
// "interval":10,"host":"h","plugin":"disk","plugin_instance":"sda","type":"disk_ops","type_instance":""}. The type is the series, since it says which values
// there are and in which unit (types.db); host, plugin and the instances are tags; values are fields by the names of their data sources.

import { isUtf8 } from 'node:buffer';
import { apiError } from '../base/errors.ts';
import { type Batch, BatchBuilder, type DecodeOptions } from './batch.ts';
import { shown } from './fault-list.ts';
import { Int64 } from './int64.ts';
import { JsonText } from './json-text.ts';
import { Refusal } from './refusal.ts';
import type { SeriesRows } from './series.ts';

const tags = ['host', 'plugin', 'plugin_instance', 'type_instance'] as const;
/** What else a list may have says nothing of its points: dstypes, interval, meta. */
const members = [...tags, 'type', 'values', 'dsnames', 'time'] as const;
type Member = (typeof members)[number];

/** collectd writes milliseconds. */
const secondsForm = /^(\d{1,10})(?:\.(\d{1,9}))?$/;

export function decodeCollectd(body: Buffer, options: DecodeOptions): Batch {
  if (!isUtf8(body)) throw apiError('InvalidJson', { reason: 'it is not UTF-8' });
  return new CollectdDecoder(body, options).decode();
}

class CollectdDecoder {
  private readonly json: JsonText;
  private readonly batch: BatchBuilder;
  private readonly time = new Int64();
  /** Where members of the list at hand are. */
  private readonly places = new Map<Member, number>();

  constructor(body: Buffer, options: DecodeOptions) {
    this.json = new JsonText(body);
    this.batch = new BatchBuilder(body.length, options);
  }

  decode(): Batch {
    const { json } = this;
    if (json.kind() !== 'array') {
      json.passValue();
      json.passEnd();
      throw apiError('InvalidRequest', { reason: 'the body must be an array of lists of values' });
    }
    for (let first = true; json.nextItem(first); first = false) this.readItem();
    json.passEnd();
    return this.batch.finish();
  }

  private readItem(): void {
    const { json, batch } = this;
    const line = ++batch.lines;
    const refusal = json.kind() === 'object' ? this.readList(line) : this.passOther();
    if (refusal === null) return;
    const { code, column, message } = refusal;
    if (!batch.faults.wanted) batch.faults.count++;
    else batch.faults.add({ line, ...(column === undefined ? {} : { column: shown(column) }), code, message });
  }

  private readList(line: number): Refusal | null {
    const { json } = this;
    this.findMembers();
    const end = json.pos;
    this.batch.budget.position = end;
    const refusal = this.readPoint(line);
    json.pos = end;
    return refusal;
  }

  private passOther(): Refusal {
    this.json.passValue();
    return new Refusal('InvalidPoint', 'A list of values must be an object');
  }

  private findMembers(): void {
    const { json, places } = this;
    places.clear();
    for (let first = true; json.nextMember(first); first = false) {
      json.passName();
      const member = json.oneOf(members);
      json.kind();
      if (member !== undefined) places.set(member, json.pos);
      json.passValue();
    }
  }

  private readPoint(line: number): Refusal | null {
    const type = this.readText('type');
    if (type instanceof Refusal) return type;
    const series = this.batch.seriesRows(type);
    if (series instanceof Refusal) return series;
    const refusal = this.readTags(series) ?? this.readTime();
    if (refusal !== null) return refusal;
    const tagSet = series.tagSets.end();
    const given = this.readValues(series);
    if (given instanceof Refusal) {
      for (const column of series.columns) column.unset(series.rows);
      return given;
    }
    // collectd has no value where a source gave none: then the list says nothing.
    if (given === 0) this.batch.lines--;
    else series.commit(tagSet, this.time, line);
    return null;
  }

  private readTags({ tagSets }: SeriesRows): Refusal | null {
    tagSets.begin();
    for (const name of tags) {
      const value = this.places.has(name) ? this.readText(name) : '';
      if (value instanceof Refusal) return value;
      const column = tagSets.column(name);
      if (column instanceof Refusal) return column;
      const id = column.idOfValue(value);
      const refusal = id instanceof Refusal ? id : tagSets.give(column, id);
      if (refusal !== null) return refusal;
    }
    return null;
  }

  private readText(member: Member): string | Refusal {
    const { json } = this;
    if (this.kindAt(member) !== 'string') return new Refusal('InvalidPoint', `It needs ${member}, a string`, member);
    json.passString();
    return json.text();
  }

  private readTime(): Refusal | null {
    const { json } = this;
    const kind = this.kindAt('time');
    if (kind === 'number') json.passNumber();
    const text = kind === 'number' ? json.bytes.toString('latin1', json.start, json.end) : '';
    const [, seconds, fraction = ''] = secondsForm.exec(text) ?? [];
    if (seconds === undefined) return new Refusal('InvalidTimestamp', 'It needs a time in seconds since 1970', 'time');
    if (this.time.setUnix(Number(seconds), Number(fraction.padEnd(9, '0')))) return null;
    return new Refusal('TimeOutOfRange', `${text} is after 2262-04-11`, 'time');
  }

  /** How many there are that are not null. */
  private readValues(series: SeriesRows): number | Refusal {
    const { json } = this;
    const names = this.readNames();
    if (names instanceof Refusal) return names;
    if (this.kindAt('values') !== 'array') return new Refusal('InvalidPoint', 'It needs an array of values', 'values');
    let index = 0;
    let given = 0;
    for (let first = true; json.nextItem(first); first = false, index++) {
      const name = names[index];
      if (name === undefined) return otherCount();
      const kind = json.kind();
      if (kind === 'null') {
        json.passWord('null');
        continue;
      }
      if (kind !== 'number') return new Refusal('InvalidValue', 'A value must be a number or null', name);
      json.passNumber();
      const value = json.number();
      if (!Number.isFinite(value)) return new Refusal('NotFinite', 'The number is too large for a float', name);
      const column = series.column(name);
      if (column instanceof Refusal) return column;
      // Counters too: with StoreRates the same source has fractions.
      column.setFloat(series.rows, value);
      given++;
    }
    if (index === names.length) return given;
    return otherCount();
  }

  private readNames(): string[] | Refusal {
    const { json } = this;
    const refusal = new Refusal('InvalidPoint', 'It needs an array of dsnames, each another string', 'dsnames');
    if (this.kindAt('dsnames') !== 'array') return refusal;
    const names: string[] = [];
    for (let first = true; json.nextItem(first); first = false) {
      if (json.kind() !== 'string') return refusal;
      json.passString();
      names.push(json.text());
    }
    return names.length > 0 && new Set(names).size === names.length ? names : refusal;
  }

  private kindAt(member: Member): string | undefined {
    const place = this.places.get(member);
    if (place === undefined) return undefined;
    this.json.pos = place;
    return this.json.kind();
  }
}

function otherCount(): Refusal {
  return new Refusal('InvalidPoint', 'It needs as many values as dsnames', 'values');
}
