// A database that lives: changes of every kind, and what is there after each of them.

import type { Store } from '../../../kdb/embedded/store.ts';
import { namedBatchId } from '../../../src/kdb/batch-id.ts';
import type { Filter, InsertBatch } from '../../../src/kdb/engine.ts';
import { batchOf, point, queryOf, rowsOf } from '../../engines/points.ts';

const dayNs = 86_400_000_000_000n;
const names = ['m', 'n'];

interface Fields {
  f?: number;
  g?: bigint;
}

/** The same numbers for the same seed. */
function dice(seed: number): (sides: number) => number {
  let state = seed;
  return (sides) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 8) % sides;
  };
}

/** A line per point. */
export async function contentsOf(store: Store): Promise<string[]> {
  const lines: string[] = [];
  for (const { series } of (await store.series({ after: null, limit: 100 })).series) {
    const result = await store.query(queryOf(series));
    for (const row of rowsOf(result)) {
      const cell = (name: string) => row[result.columns.findIndex((column) => column.name === name)] ?? '';
      lines.push([series, cell('host'), cell('time'), cell('f'), cell('g')].join(' '));
    }
  }
  return lines.sort();
}

export class Past {
  /** After each change: what was there, and the last millisecond of it. */
  readonly moments: { untilMs: number; contents: string[]; what: string }[] = [];
  nowMs = 1_700_000_000_000;
  readonly #roll: (sides: number) => number;
  /** Series, then `host time`. */
  readonly #points = new Map<string, Map<string, Fields>>();
  readonly #sent: InsertBatch[] = [];

  constructor(seed: number) {
    this.#roll = dice(seed);
  }

  async change(store: Store): Promise<void> {
    this.nowMs += 1_000;
    const what = await this.#change(store);
    const contents = [...this.#points].flatMap(([series, points]) =>
      [...points].map(([key, { f, g }]) => [series, key, f ?? '', g ?? ''].join(' ')),
    );
    this.moments.push({ untilMs: this.nowMs + 999, contents: contents.sort(), what });
  }

  async #change(store: Store): Promise<string> {
    const roll = this.#roll(20);
    const series = names[this.#roll(2)]!;
    const known = this.#points.has(series);
    if (roll === 0) return store.checkpoint().then(() => 'checkpoint');
    if (roll === 7) return store.compact().then(() => 'compact');
    if (roll <= 3 && known) return this.#delete(store, series);
    if (roll === 4) return this.#retain(store);
    if (roll === 5 && known) {
      await store.drop(series);
      this.#points.delete(series);
      return `drop ${series}`;
    }
    if (roll === 6 && this.#sent.length > 0) {
      // Sent again: nothing happens, whatever became of its points meanwhile.
      await store.insert(this.#sent[this.#roll(this.#sent.length)]!);
      return 'repeat';
    }
    return this.#insert(store, series);
  }

  async #insert(store: Store, series: string): Promise<string> {
    const points = this.#points.get(series) ?? new Map<string, Fields>();
    this.#points.set(series, points);
    const given = Array.from({ length: 1 + this.#roll(20) }, () => {
      const host = `h${this.#roll(4 + this.moments.length / 10)}`;
      // Some are late, some overwrite.
      const timeNs = BigInt(this.#roll(6)) * dayNs + BigInt(this.#roll(40));
      const fields: Fields = this.#roll(3) === 0 ? { g: BigInt(this.#roll(9)) } : { f: this.#roll(100) };
      points.set(`${host} ${timeNs}`, { ...points.get(`${host} ${timeNs}`), ...fields });
      return point(series, { host }, timeNs, fields as Record<string, number | bigint>);
    });
    const batch = batchOf(given, namedBatchId(String(this.#sent.length)));
    this.#sent.push(batch);
    await store.insert(batch);
    return `insert ${given.length} ${series}`;
  }

  async #delete(store: Store, series: string): Promise<string> {
    const hosts = [`h${this.#roll(4)}`, `h${this.#roll(8)}`];
    const least = this.#roll(100);
    const wheres: Filter[] = [
      { op: 'in', tag: 'host', values: hosts },
      { op: 'ge', field: 'f', value: least },
      {
        op: 'and',
        of: [
          { op: 'in', tag: 'host', values: hosts },
          { op: 'null', field: 'g' },
        ],
      },
    ];
    const fromNs = BigInt(this.#roll(4)) * dayNs;
    const toNs = fromNs + BigInt(1 + this.#roll(3)) * dayNs + 20n;
    const points = this.#points.get(series)!;
    const hasField = (name: 'f' | 'g') => (fields: Fields) => fields[name] !== undefined;
    const has = (name: 'f' | 'g') => [...points.values()].some(hasField(name));
    const number = has('f') && has('g') ? this.#roll(3) : 0;
    for (const [key, { f, g }] of points) {
      const [host, time] = key.split(' ') as [string, string];
      if (BigInt(time) < fromNs || BigInt(time) >= toNs) continue;
      const isNamed = hosts.includes(host);
      if ([isNamed, f !== undefined && f >= least, isNamed && g === undefined][number]) points.delete(key);
    }
    await store.delete({ series, fromNs, toNs, where: wheres[number]!, dryRun: false });
    return `delete ${series} ${number}`;
  }

  async #retain(store: Store): Promise<string> {
    const beforeNs = BigInt(this.#roll(3)) * dayNs + 5n;
    for (const points of this.#points.values())
      for (const key of points.keys()) if (BigInt(key.split(' ')[1]!) < (beforeNs / dayNs) * dayNs) points.delete(key);
    await store.retain(beforeNs);
    return 'retain';
  }
}
