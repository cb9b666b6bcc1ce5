import { stderr } from 'node:process';
import winston from 'winston';
import type { LogglyConfig } from './config.ts';
import { Loggly } from './loggly.ts';
import { currentLine } from './trace.ts';

export type Log = winston.Logger;

/** Where winston keeps the text that a format made of a line. */
const text = Symbol.for('message');

/** JSON lines on stderr, so that stdout stays for people; each says which trace it belongs to. `process` names who writes (api, worker, agent, database). */
export function createLog(process: string, level: string, loggly?: LogglyConfig): Log {
  const log = winston.createLogger({
    ...{ level, defaultMeta: { process }, format: jsonLine() },
    transports: [new Lines()],
  });
  if (loggly)
    log.add(
      new Loggly(loggly, `tsg-${process}`, {
        away: (reason) => log.warn('Loggly does not take lines', { reason }),
        back: (dropped) => log.info('Loggly takes lines again', { dropped }),
      }),
    );
  return log;
}

/** The last lines get a moment to be where they go. */
export async function flushLog(log: Log): Promise<void> {
  await Promise.all(log.transports.map((transport) => transport instanceof Loggly && transport.flush()));
}

/** A line that goes to the transports at once: winston's streams, which keep lines for slow transports, take 10 µs and more of every request. */
export function logAtOnce(log: Log, line: winston.LogEntry): void {
  if (log.silent || !log.isLevelEnabled(line.level)) return;
  const formatted = log.format.transform({ ...log.defaultMeta, ...line }, log.format.options);
  if (typeof formatted !== 'object') return;
  for (const transport of log.transports) transport.log?.(formatted, done);
}

function done(): void {}

/** winston's own timestamp and json take 7 µs for the line of a request, this 2.5: they are for values of any kind, and most are plain. */
const jsonLine = winston.format((info) => {
  Object.assign(info, currentLine());
  info['timestamp'] = timestamp();
  if (!Object.values(info).every(isPlain)) return anyJson.transform(info, anyJson.options);
  info[text] = JSON.stringify(info);
  return info;
});

const anyJson = winston.format.json({ replacer: shownError });

function isPlain(value: unknown): boolean {
  if (typeof value === 'object' && value?.constructor === Object) return Object.values(value).every(isPlain);
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' || value === undefined;
}

/** An error whose message may repeat what customers sent or stored: the log has no more of it than where it came from. */
export interface RepeatsData {
  readonly repeatsData: true;
}

/** JSON has no form for errors: what happened, where, and why. */
function shownError(_key: string, value: unknown): unknown {
  if (!(value instanceof Error)) return value;
  if ('repeatsData' in value) {
    const { name, message, stack = '', repeatsData } = value;
    return { name, repeatsData, stack: stack.slice(stack.indexOf(message) + message.length) };
  }
  return { ...value, name: value.name, stack: value.stack, ...(value.cause !== undefined && { cause: value.cause }) };
}

let second = 0;
let untilSecond = '';

/** ISO time; toISOString takes 1 to 2 µs, so it is called once a second. */
function timestamp(): string {
  const nowMs = Date.now();
  const ms = nowMs % 1000;
  if (nowMs - ms !== second) {
    second = nowMs - ms;
    untilSecond = new Date(second).toISOString().slice(0, -4);
  }
  return `${untilSecond}${String(ms).padStart(3, '0')}Z`;
}

/** Lines of requests wait so long for others: stderr mostly is a file, and a write to it takes 10 µs and more, in which nothing else is done. */
const joinMs = 20;

/** Joins lines to fewer writes. Warnings and errors go out at once, with what waits: they may be the last words. */
class Lines extends winston.transports.Console {
  #waiting = '';

  constructor() {
    super();
    // Unheard, a line that the log's disk has no room for would end the process.
    if (!stderr.listeners('error').includes(dropLine)) stderr.on('error', dropLine);
    process.on('exit', () => this.#write());
  }

  override log(info: winston.Logform.TransformableInfo, next: () => void): void {
    if (this.#waiting === '') setTimeout(() => this.#write(), joinMs).unref();
    this.#waiting += `${String(info[text])}\n`;
    if (info.level === 'error' || info.level === 'warn') this.#write();
    next();
  }

  #write(): void {
    if (this.#waiting === '') return;
    stderr.write(this.#waiting);
    this.#waiting = '';
  }
}

function dropLine(): void {}
