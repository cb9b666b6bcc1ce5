// What a customer does, over and over: known points are written through the front door, read back and compared.

import { setTimeout as delay } from 'node:timers/promises';
import type { FigureValues } from '../src/base/cloudwatch.ts';
import type { Log } from '../src/base/log.ts';
import type { Metrics } from '../src/base/metrics.ts';
import { figures } from '../src/base/names.ts';

/** Of a round, whatever hangs in it. */
const timeoutMs = 8_000;
const readyPauseMs = 500;
const pointsPerRound = 3;
const retentionDays = 7;
const series = 'canary';

export const steps = ['prepare', 'write', 'read', 'comparison'] as const;
type Step = (typeof steps)[number];

export interface CanaryOptions {
  /** The region's API, as customers reach it. */
  readonly url: string;
  /** May read, write and manage in an account of its own. */
  readonly token: string;
  /** It is made where it is missing. */
  readonly database: string;
  /** Tells the points of one canary from those of another. */
  readonly name: string;
  readonly log: Log;
  readonly timeoutMs?: number;
}

class Failure extends Error {
  readonly step: Step;

  constructor(step: Step, message: string, options?: ErrorOptions) {
    super(message, options);
    this.step = step;
  }
}

type Row = readonly (string | number | boolean | null)[];

export class Canary {
  readonly #options: CanaryOptions;
  /** Rounds that were right, and those that failed, by the step in which they did. */
  readonly rounds = { ok: 0, prepare: 0, write: 0, read: 0, comparison: 0 };
  #isPrepared = false;
  #durationS: number | undefined;
  #failuresToTell = 0;
  #slowestToTellS: number | undefined;

  constructor(options: CanaryOptions) {
    this.#options = options;
  }

  /** Never rejects: what goes wrong is counted, and told to the log. */
  async round(): Promise<'ok' | Step> {
    const { log, database } = this.#options;
    const startedMs = performance.now();
    let outcome: 'ok' | Step = 'ok';
    try {
      await this.#wholeRound(AbortSignal.timeout(this.#options.timeoutMs ?? timeoutMs));
    } catch (error) {
      outcome = error instanceof Failure ? error.step : 'prepare';
      this.#failuresToTell += 1;
      log.error('the canary failed', { step: outcome, database, error });
    }
    this.rounds[outcome] += 1;
    this.#durationS = (performance.now() - startedMs) / 1_000;
    this.#slowestToTellS = Math.max(this.#slowestToTellS ?? 0, this.#durationS);
    return outcome;
  }

  async #wholeRound(signal: AbortSignal): Promise<void> {
    if (!this.#isPrepared) await this.#prepare(signal);
    const written = this.#points();
    const position = await this.#write(written, signal);
    const read = await this.#read(written, position, signal);
    if (JSON.stringify(read) === JSON.stringify(written)) return;
    throw new Failure('comparison', `wrote ${JSON.stringify(written)}, read ${JSON.stringify(read)}`);
  }

  async #prepare(signal: AbortSignal): Promise<void> {
    const { database } = this.#options;
    const path = `/v1/databases/${database}`;
    let found = await this.#ask('prepare', path, signal);
    if (found.status === 404) {
      const made = await this.#ask('prepare', '/v1/databases', signal, { json: { name: database, volumes: 1 } });
      if (made.status !== 202 && made.status !== 409) throw refusal('prepare', made);
    }
    for (;;) {
      found = await this.#ask('prepare', path, signal);
      if (!found.ok) throw refusal('prepare', found);
      if (found.body.database?.status === 'active') break;
      await delay(readyPauseMs, undefined, { signal }).catch(() => {
        throw new Failure('prepare', `its database is ${found.body.database?.status}`);
      });
    }
    const kept = await this.#ask('prepare', path, signal, { method: 'PATCH', json: { retentionDays } });
    if (!kept.ok) throw refusal('prepare', kept);
    this.#isPrepared = true;
  }

  /** Time, long, float, string and flag of each, as rows of a query give them. */
  #points(): Row[] {
    const nowNs = BigInt(Date.now()) * 1_000_000n;
    return Array.from({ length: pointsPerRound }, (_, i) => {
      const number = Math.floor(Math.random() * 1e9);
      return [String(nowNs + BigInt(i)), number, number / 7, `"${number}" = ${number.toString(36)}`, number % 2 === 0];
    });
  }

  async #write(points: readonly Row[], signal: AbortSignal): Promise<string | null> {
    const lines = points.map(([time, long, float, text, flag]) => {
      const quoted = String(text).replaceAll(/["\\]/g, '\\$&');
      return `${series},canary=${this.#options.name} long=${long}i,float=${float},text="${quoted}",flag=${flag} ${time}`;
    });
    const path = `/v1/databases/${this.#options.database}/write`;
    const reply = await this.#ask('write', path, signal, { text: lines.join('\n') });
    if (!reply.ok || reply.body.accepted !== points.length) throw refusal('write', reply);
    return reply.position;
  }

  async #read(written: readonly Row[], position: string | null, signal: AbortSignal): Promise<unknown[][]> {
    const times = written.map(([time]) => BigInt(String(time)));
    const query = new URLSearchParams({
      from: `${times[0]}ns`,
      until: `${times.at(-1)! + 1n}ns`,
      where: `canary=${this.#options.name}`,
      field: 'long,float,text,flag',
      'time-format': 'ns',
    });
    const path = `/v1/databases/${this.#options.database}/series/${series}/query?${query}`;
    const reply = await this.#ask('read', path, signal, position === null ? {} : { position });
    const { columns, rows } = reply.body;
    if (!reply.ok || !Array.isArray(columns) || !Array.isArray(rows)) throw refusal('read', reply);
    const places = ['time', 'long', 'float', 'text', 'flag'].map((name) =>
      columns.findIndex((column) => (typeof column === 'object' ? column.name : column) === name),
    );
    return rows.map((row: Row) => places.map((place) => row[place]));
  }

  async #ask(step: Step, path: string, signal: AbortSignal, ask: Ask = {}): Promise<Reply> {
    const { url, token } = this.#options;
    const { method, json, text, position } = ask;
    const body = json === undefined ? text : JSON.stringify(json);
    try {
      const response = await fetch(url + path, {
        method: method ?? (body === undefined ? 'GET' : 'POST'),
        headers: {
          Authorization: `Bearer ${token}`,
          ...(body !== undefined && { 'Content-Type': json === undefined ? 'text/plain' : 'application/json' }),
          ...(position !== undefined && { 'X-TSG-Position': position }),
        },
        ...(body !== undefined && { body }),
        signal,
      });
      const answer = await response.text();
      return {
        ok: response.ok,
        status: response.status,
        position: response.headers.get('X-TSG-Position'),
        body: parsed(answer),
      };
    } catch (error) {
      throw new Failure(step, 'no answer', { cause: error });
    }
  }

  addTo(metrics: Metrics): void {
    metrics.addCounter(
      'tsg_canary_rounds_total',
      'Rounds of the canary: right, or the step in which they failed.',
      'outcome',
      () => ({ ...this.rounds }),
    );
    metrics.addGauge('tsg_canary_seconds', 'What the last round of the canary took.', 'by', () =>
      this.#durationS === undefined ? {} : { canary: this.#durationS },
    );
  }

  /** For CloudWatch: what failed since the last time, and the slowest round. */
  takeFigures(): FigureValues {
    const taken = {
      // Of no round nothing is known.
      [figures.canaryFailures]: this.#slowestToTellS === undefined ? undefined : this.#failuresToTell,
      [figures.canaryDuration]: this.#slowestToTellS,
    };
    this.#failuresToTell = 0;
    this.#slowestToTellS = undefined;
    return taken;
  }
}

interface Ask {
  readonly method?: string;
  readonly json?: object;
  readonly text?: string;
  /** The write that must be seen. */
  readonly position?: string;
}

interface Reply {
  readonly ok: boolean;
  readonly status: number;
  readonly position: string | null;
  readonly body: {
    readonly code?: string;
    readonly message?: string;
    readonly accepted?: number;
    readonly database?: { readonly status: string };
    readonly columns?: readonly (string | { readonly name: string })[];
    readonly rows?: readonly Row[];
  };
}

function refusal(step: Step, { status, body }: Reply): Failure {
  return new Failure(step, `${status} ${body.code ?? ''} ${body.message ?? ''}`.trim());
}

function parsed(text: string): Reply['body'] {
  try {
    return (JSON.parse(text) as Reply['body'] | null) ?? {};
  } catch {
    return {};
  }
}
