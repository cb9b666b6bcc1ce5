// What system tests do over and over: ask the API, wait for a task, make a database.

import assert from 'node:assert/strict';
import { until } from '../until.ts';

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The parsed body; undefined when it is empty or no JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into bodies of every shape
  readonly json: any;
}

export interface Ask {
  readonly method?: string;
  readonly token?: string | null;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array | object;
}

/** Speaks to one API as one caller. */
export class Service {
  readonly url: string;
  readonly token: string;

  constructor(url: string, token: string) {
    this.url = url;
    this.token = token;
  }

  as(token: string): Service {
    return new Service(this.url, token);
  }

  async ask(path: string, { method, token = this.token, headers = {}, body }: Ask = {}): Promise<Reply> {
    const raw = typeof body === 'string' || body instanceof Uint8Array;
    const response = await fetch(this.url + path, {
      method: method ?? (body === undefined ? 'GET' : 'POST'),
      headers: {
        ...(token === null ? {} : { Authorization: `Bearer ${token}` }),
        ...(body === undefined || raw ? {} : { 'Content-Type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: raw ? (body as string) : JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, text, json: parsed(text) };
  }

  /** A database that is ready to use. */
  async database(name: string, options: object = {}): Promise<void> {
    const created = await this.ask('/v1/databases', { body: { name, ...options } });
    assert.equal(created.status, 202, created.text);
    await this.taskDone(created.json.task.id);
  }

  async taskDone(id: string): Promise<void> {
    const states = ['succeeded', 'failed'];
    const { state, error } = await until(
      `task ${id} to end`,
      async () => {
        const reply = await this.ask(`/v1/tasks/${id}`).catch(() => undefined);
        return states.includes(reply?.json?.task?.state) && reply!.json.task;
      },
      60_000,
    );
    assert.equal(state, 'succeeded', error);
  }

  /** Writes and expects the receipt of a write that was taken whole. */
  async write(database: string, body: string | object, parameters = ''): Promise<number> {
    const headers = typeof body === 'string' ? { 'Content-Type': 'text/plain' } : {};
    const reply = await this.ask(`/v1/databases/${database}/write${parameters}`, { body, headers });
    assert.equal(reply.status, 200, reply.text);
    assert.deepEqual([reply.json.rejected, reply.json.errors], [0, []]);
    return reply.json.accepted;
  }

  /** The rows of a query. */
  async rows(
    database: string,
    series: string,
    parameters: Readonly<Record<string, string>> = {},
  ): Promise<unknown[][]> {
    const path = `/v1/databases/${database}/series/${encodeURIComponent(series)}/query`;
    const reply = await this.ask(`${path}?${new URLSearchParams(parameters)}`);
    assert.equal(reply.status, 200, reply.text);
    return reply.json.rows;
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
