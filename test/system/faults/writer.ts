import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import type { Service } from '../service.ts';

const pauseMs = 100;
const dayNs = 86_400_000_000_000n;
export const points = 50;

/** The series `m`, a point a day. */
export const someLines = Array.from(
  { length: points },
  (_, i) => `m,host=h${i % 3} v=${i} ${1_700_000_000_000_000_000n + BigInt(i) * dayNs}\n`,
).join('');

/** Writes point after point to a database, each until it is acknowledged, and in the end finds them all there. */
export class Writer {
  readonly #service: Service;
  readonly #database: string;
  readonly #series: string;
  readonly #writing: Promise<void>;
  #stopped = false;
  acknowledged = 0;
  /** Refusals: code → how many. */
  readonly refusals = new Map<string, number>();

  constructor(service: Service, database: string, series = 'counted') {
    this.#service = service;
    this.#database = database;
    this.#series = series;
    this.#writing = this.#write();
    this.#writing.catch(() => {});
  }

  async #write(): Promise<void> {
    while (!this.#stopped) {
      const i = this.acknowledged;
      const reply = await this.#service
        .ask(`/v1/databases/${this.#database}/write`, { body: `${this.#series},host=h${i % 3} v=${i} ${i + 1}` })
        .catch(() => undefined);
      if (reply?.status === 200) this.acknowledged++;
      else if (reply) {
        assert.equal(reply.status, 503, reply.text);
        assert.match(reply.headers.get('retry-after') ?? '', /^\d+$/);
        this.refusals.set(reply.json.code, (this.refusals.get(reply.json.code) ?? 0) + 1);
      }
      await delay(pauseMs);
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#writing;
    const asked = { from: '0', aggregation: 'count', field: 'v' };
    const [[found] = []] = await this.#service.rows(this.#database, this.#series, asked);
    assert.deepEqual([this.#database, Number(found)], [this.#database, this.acknowledged]);
    assert.ok(this.acknowledged > 0);
  }
}
