// Handles [basics/handles]: 0 the console, 1 and 2 the outputs, then files and processes. A handle is applied to what it is to write or send.

import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { fail, int, type Q, textOf } from '../values.ts';
import { osError } from './files.ts';
import { serialise } from './serialise.ts';

/** What stands behind a handle. */
export interface Target {
  /** handle x */
  ask(x: Q): Q;
  /** neg[handle] x */
  tell(x: Q): void;
  close(): void;
  /** Bytes that wait to be sent; undefined: not a process. */
  readonly pending: number | undefined;
}

/** A client, whose request may be answered later: -30! [basics/internal]. */
export interface Client extends Target {
  defer(): void;
  answer(isError: boolean, x: Q): void;
}

export class Handles {
  readonly #targets = new Map<number, Target>();
  readonly #console: (message: Q) => Q;

  constructor(console: (message: Q) => Q) {
    this.#console = console;
    this.#targets.set(1, new Output(1, 'stdout', false));
    this.#targets.set(2, new Output(2, 'stderr', false));
  }

  /** The lowest number that is free, as the operating system numbers its descriptors. */
  add(target: Target): number {
    let handle = 3;
    while (this.#targets.has(handle)) handle++;
    this.#targets.set(handle, target);
    return handle;
  }

  openFile(path: string): number {
    try {
      mkdirSync(dirname(path), { recursive: true });
      return this.add(new Output(openSync(path, 'a'), path, true));
    } catch (error) {
      return osError(path, error);
    }
  }

  /** Without closing it: its other end did. */
  forget(handle: number): void {
    this.#targets.delete(handle);
  }

  close(handle: number): void {
    this.#target(handle).close();
    this.#targets.delete(handle);
  }

  send(handle: number, message: Q): Q {
    if (handle === 0) return this.#console(message);
    if (handle > 0) return this.#target(handle).ask(message);
    this.#target(-handle).tell(message);
    return int(handle);
  }

  /** .z.W */
  pending(): [number, number][] {
    return [...this.#targets].flatMap(([handle, { pending }]) => (pending === undefined ? [] : [[handle, pending]]));
  }

  client(handle: number): Client {
    const target = this.#target(handle);
    return 'defer' in target ? (target as Client) : fail(`Handle ${handle} was not expecting a response msg`);
  }

  #target(handle: number): Target {
    return this.#targets.get(handle) ?? fail(`${handle}. OS reports: Bad file descriptor`);
  }
}

/** A file that is appended to, or an output. What is not text or bytes is appended as a message holds it, without a header [kb/logging]. */
class Output implements Target {
  readonly #descriptor: number;
  readonly #name: string;
  readonly #isFile: boolean;
  readonly pending = undefined;

  constructor(descriptor: number, name: string, isFile: boolean) {
    this.#descriptor = descriptor;
    this.#name = name;
    this.#isFile = isFile;
  }

  ask(x: Q): Q {
    this.#write(bytesOf(x, this.#isFile));
    return int(this.#descriptor);
  }

  tell(x: Q): void {
    const lines = isChars(x) ? [x] : x.kind === 'list' ? x.v : fail('type');
    this.#write(Buffer.from(lines.map((line) => `${textOf(line)}\n`).join(''), 'latin1'));
  }

  close(): void {
    if (this.#isFile) closeSync(this.#descriptor);
  }

  #write(bytes: Buffer): void {
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(this.#descriptor, bytes, at);
    } catch (error) {
      osError(this.#name, error);
    }
  }
}

function bytesOf(x: Q, isFile: boolean): Buffer {
  if (isChars(x)) return Buffer.from(textOf(x), 'latin1');
  if (x.kind === 'vector' && x.t === 4) return Buffer.from(x.v as Uint8Array);
  if (isFile && x.kind === 'list') return Buffer.concat(x.v.map(serialise));
  return fail('type');
}

const isChars = (x: Q): boolean => Math.abs(x.t) === 10;
