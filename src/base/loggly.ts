// Lines of the log to Loggly's bulk endpoint over HTTPS. Whoever logs never waits for it: what it does not take in time is dropped, the oldest first.

import { Agent, request } from 'node:https';
import { setTimeout as delay } from 'node:timers/promises';
import winston from 'winston';
import type { LogglyConfig } from './config.ts';

/** Where winston keeps the text that a format made of a line. */
const text = Symbol.for('message');

/** Loggly takes 5 MB at once, and 1 MB of a line. */
const maxBatchBytes = 1024 ** 2;
const maxWaitingBytes = 16 * 1024 ** 2;
const joinMs = 1_000;
const timeoutMs = 10_000;
const backOffMs = { first: 500, most: 30_000 };
const flushMs = 2_000;

interface Told {
  /** The first failure in a row: an error's code or the status of the answer, nothing that could hold the token. */
  readonly away: (reason: string) => void;
  readonly back: (dropped: number) => void;
}

/** winston shows the class of its transports to JavaScript and not to TypeScript, so this one grows from another, as the one for standard error does. */
export class Loggly extends winston.transports.Console {
  readonly #url: URL;
  readonly #told: Told;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  readonly #stop = new AbortController();
  #waiting: string[] = [];
  #waitingBytes = 0;
  #dropped = 0;
  #failures = 0;
  #timer: NodeJS.Timeout | undefined;
  #sending: Promise<void> | undefined;

  constructor({ url, token }: LogglyConfig, tag: string, told: Told) {
    super();
    this.#url = new URL(`${url}/bulk/${encodeURIComponent(token)}/tag/${encodeURIComponent(tag)}/`);
    this.#told = told;
  }

  override log(info: winston.Logform.TransformableInfo, next: () => void): void {
    this.#add(String(info[text]));
    if (this.#waitingBytes >= maxBatchBytes) this.#send();
    else this.#timer ??= setTimeout(() => this.#send(), joinMs).unref();
    next();
  }

  /** Tries to bring what waits, for two seconds. */
  async flush(): Promise<void> {
    this.#stop.abort();
    await Promise.race([delay(flushMs), this.#empty()]);
    this.#agent.destroy();
  }

  async #empty(): Promise<void> {
    // What is under way may have been waiting for its turn after a failure.
    await this.#sending;
    this.#send();
    await this.#sending;
  }

  #add(line: string): void {
    const bytes = sizeOf(line);
    if (bytes > maxBatchBytes) {
      this.#dropped += 1;
      return;
    }
    this.#waiting.push(line);
    this.#waitingBytes += bytes;
    this.#bound();
  }

  #bound(): void {
    let oldest = 0;
    while (this.#waitingBytes > maxWaitingBytes) this.#waitingBytes -= sizeOf(this.#waiting[oldest++]!);
    if (oldest === 0) return;
    this.#waiting.splice(0, oldest);
    this.#dropped += oldest;
  }

  #send(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#sending ??= this.#sendAll().finally(() => {
      this.#sending = undefined;
    });
  }

  async #sendAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#take();
      const fault = await this.#post(batch.join('\n'));
      if (fault === undefined) {
        if (this.#failures > 0 || this.#dropped > 0) this.#told.back(this.#dropped);
        this.#failures = 0;
        this.#dropped = 0;
        continue;
      }
      if (this.#failures++ === 0) this.#told.away(fault);
      this.#waiting.unshift(...batch);
      this.#waitingBytes += batch.reduce((sum, line) => sum + sizeOf(line), 0);
      this.#bound();
      // One that stops has asked for the last time.
      if (this.#stop.signal.aborted) return;
      const pauseMs = Math.min(backOffMs.most, backOffMs.first * 2 ** (this.#failures - 1));
      await delay(pauseMs, undefined, { signal: this.#stop.signal, ref: false }).catch(() => {});
      if (this.#stop.signal.aborted) return;
    }
  }

  #take(): string[] {
    let bytes = 0;
    let count = 0;
    while (count < this.#waiting.length) {
      bytes += sizeOf(this.#waiting[count]!);
      if (bytes > maxBatchBytes && count > 0) break;
      this.#waitingBytes -= sizeOf(this.#waiting[count]!);
      count += 1;
    }
    return this.#waiting.splice(0, count);
  }

  /** Gives why the lines have to come again. */
  #post(body: string): Promise<string | undefined> {
    const { promise, resolve } = Promise.withResolvers<string | undefined>();
    const call = request(
      this.#url,
      {
        method: 'POST',
        agent: this.#agent,
        headers: { 'Content-Type': 'text/plain', 'Content-Length': Buffer.byteLength(body) },
        signal: AbortSignal.timeout(timeoutMs),
      },
      (response) => {
        const { statusCode = 0 } = response;
        response.resume().once('close', () => {
          resolve(statusCode < 300 ? undefined : `status ${statusCode}`);
        });
      },
    );
    call.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.name));
    call.end(body);
    return promise;
  }
}

/** Of a line with its end. */
function sizeOf(line: string): number {
  return Buffer.byteLength(line) + 1;
}
