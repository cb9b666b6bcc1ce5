// The readers of one database: processes beside its writer that answer reads. They live as long as the writer does; the end of one is nothing but the
// start of the next one, and takes nothing down.

import { type ChildProcess, spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Log } from '../../src/base/log.ts';
import { portFault } from '../../src/base/ports.ts';
import type { DatabaseConfig } from '../database-config.ts';
import { Crashes } from './crashes.ts';
import { type DatabaseLog, readLines } from './database-log.ts';
import { endFormerProcess, noteProcess } from './former-process.ts';
import { configPath } from './home.ts';
import type { JournalPosition } from './journal-position.ts';
import type { Confined, Limits } from './limits.ts';
import { endOf } from './process-end.ts';
import type { DatabaseProgram } from './program.ts';

/** It changes nothing on the volumes, and q looks at a signal only between two calls: the writer's next start does not wait for that. */
const stopPatienceMs = 500;

interface ReadersOptions {
  readonly program: DatabaseProgram;
  readonly config: () => DatabaseConfig;
  readonly limits: Limits;
  /** Of each of them; null: no limit. */
  readonly memoryMb: () => number | null;
  readonly log: Log;
  readonly output: DatabaseLog;
  /** One listens on another port than before. */
  readonly moved: () => void;
}

interface Reader {
  readonly number: number;
  /** 0 until it has listened. From then on it stays, also while the process is away: who finds nobody there asks the writer. */
  port: number;
  child: ChildProcess | undefined;
  /** How far in the journal it has said that it is, since it listens. */
  position: JournalPosition | undefined;
  confined: Confined | undefined;
}

export class Readers {
  readonly #options: ReadersOptions;
  readonly #readers: readonly Reader[];
  #stop = new AbortController();
  #kept: Promise<unknown> = Promise.resolve();
  /** How often one was started again. */
  restarts = 0;
  /** How often one ended because it was over its memory limit. */
  overMemory = 0;

  constructor(options: ReadersOptions) {
    this.#options = options;
    this.#readers = Array.from({ length: options.program.readers }, (_, number) => ({
      number,
      port: 0,
      child: undefined,
      position: undefined,
      confined: undefined,
    }));
  }

  get wanted(): number {
    return this.#readers.length;
  }

  /** Of those that have listened. */
  get ports(): readonly number[] {
    return this.#readers.flatMap(({ port }) => (port === 0 ? [] : [port]));
  }

  get pids(): readonly number[] {
    return this.#readers.flatMap(({ child }) => child?.pid ?? []);
  }

  /** Of those that run and answer. */
  get positions(): readonly JournalPosition[] {
    return this.#readers.flatMap(({ position }) => position ?? []);
  }

  /** The limit is another one. */
  async limit(): Promise<void> {
    const memoryMb = this.#options.program.confinedToMb(this.#options.memoryMb());
    await Promise.all(this.#readers.map(({ confined }) => confined?.change(memoryMb)));
  }

  /** The writer listens. */
  start(): void {
    this.#stop = new AbortController();
    this.#kept = Promise.all(this.#readers.map((reader) => this.#keep(reader, this.#stop.signal)));
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    const children = this.#readers.flatMap(({ child }) => child ?? []);
    for (const child of children) child.kill('SIGTERM');
    const late = setTimeout(() => {
      for (const child of children) child.kill('SIGKILL');
    }, stopPatienceMs);
    await this.#kept;
    clearTimeout(late);
  }

  async #keep(reader: Reader, stopped: AbortSignal): Promise<void> {
    const { log, config } = this.#options;
    const crashes = new Crashes();
    for (;;) {
      const startedMs = performance.now();
      const fault = await this.#runOnce(reader, stopped).catch((error: unknown) => (error as Error).message);
      if (stopped.aborted) return;
      const nowMs = performance.now();
      const { backoffMs } = crashes.ended(nowMs - startedMs, true, nowMs);
      log.warn('a reader ended', { databaseId: config().databaseId, reader: reader.number, fault, backoffMs });
      await delay(backoffMs, undefined, { signal: stopped }).catch(() => {});
      if (stopped.aborted) return;
      this.restarts += 1;
    }
  }

  /** From the start of the process to its end; gives how it ended. */
  async #runOnce(reader: Reader, stopped: AbortSignal): Promise<string> {
    const { program, output, config, limits, log } = this.#options;
    const memoryMb = this.#options.memoryMb();
    const path = configPath(config());
    const notePath = join(dirname(path), `reader-${reader.number}.json`);
    await endFormerProcess(notePath, stopPatienceMs);
    const isTaken = reader.port !== 0 && (await portFault(config().host, reader.port)) !== null;
    if (stopped.aborted) return 'not started';
    const [name, ...args] = program.readerCommand(path, isTaken ? 0 : reader.port, memoryMb);
    const child = spawn(name!, args, {
      env: program.environment(log.level, memoryMb),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    reader.child = child;
    let last = '';
    let outOfMemory = false;
    const write = (line: string): void => output.write(`reader ${reader.number}: ${line}`);
    readLines(child.stdout, (line) => {
      const [, said, ...numbers] = /^(listening|position) (\d+)(?: (\d+))?$/.exec(line) ?? [];
      if (said === undefined) write(line);
      else if (said === 'listening') this.#listens(reader, Number(numbers[0]));
      else reader.position = { generation: Number(numbers[0]), offset: Number(numbers[1]) };
    });
    readLines(child.stderr, (line) => {
      write(line);
      last = line;
      outOfMemory ||= program.outOfMemory.test(line);
    });
    const ended = endOf(child);
    if (child.pid !== undefined) {
      await noteProcess(notePath, child.pid, path).catch((error: unknown) => {
        log.warn('the process cannot be noted', { databaseId: config().databaseId, pid: child.pid, error });
      });
      const name = `${config().databaseId}-reader-${reader.number}`;
      reader.confined = await limits.confine(name, child.pid, program.confinedToMb(memoryMb));
    }
    const ending = await ended;
    reader.child = undefined;
    reader.position = undefined;
    const isOver = (await reader.confined?.ended()) || (outOfMemory && !ending.includes('SIGKILL'));
    reader.confined = undefined;
    if (isOver) this.overMemory += 1;
    const how = isOver ? `over its memory limit: ${ending}` : ending;
    return last === '' ? how : `${how}: ${last}`;
  }

  #listens(reader: Reader, port: number): void {
    const { log, config, moved } = this.#options;
    log.info('a reader runs', { databaseId: config().databaseId, reader: reader.number, port, pid: reader.child?.pid });
    if (reader.port === port) return;
    reader.port = port;
    moved();
  }
}
