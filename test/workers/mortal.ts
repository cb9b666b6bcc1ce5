// A worker that dies at a chosen step: from then on nothing that it does reaches anybody.

import { GetCommand, QueryCommand } from '@aws-sdk/lib-dynamodb';
import type { ObjectStore } from '../../src/base/object-store.ts';
import type { Dynamo } from '../../src/management/dynamo.ts';

const reads: ReadonlySet<string | symbol> = new Set(['get', 'head', 'list', 'listParts', 'link']);

export class Mortal {
  readonly #lastStep: number;
  #steps = 0;
  dead = false;

  /** `lastStep`: so many effects it has on the world, and of the last one it never learns. */
  constructor(lastStep = Number.POSITIVE_INFINITY) {
    this.#lastStep = lastStep;
    this.dead = lastStep === 0;
  }

  async effect<T>(act: () => Promise<T>): Promise<T> {
    this.#mustLive();
    this.#steps += 1;
    const result = await act();
    if (this.#steps >= this.#lastStep) this.dead = true;
    this.#mustLive();
    return result;
  }

  /** Every function of the object is an effect. */
  effects<T extends object>(object: T): T {
    return new Proxy(object, {
      get: (target, name) => {
        const value = Reflect.get(target, name) as unknown;
        if (typeof value !== 'function') return value;
        // It reads, and gives no promise.
        if (name === 'list') return value.bind(target);
        return (...args: unknown[]) => this.effect(() => value.apply(target, args) as Promise<unknown>);
      },
    });
  }

  /** The object store's reads too have none. */
  store(objects: ObjectStore): ObjectStore {
    const changing = this.effects(objects);
    return new Proxy(objects, {
      get: (target, name) => {
        if (reads.has(name)) this.#mustLive();
        const from = reads.has(name) ? target : changing;
        const value = Reflect.get(from, name) as unknown;
        return typeof value === 'function' && from === target ? value.bind(target) : value;
      },
    });
  }

  /** Reads have no effect, so only writes are steps. */
  dynamo(client: Dynamo): Dynamo {
    const send = async (command: unknown): Promise<unknown> => {
      this.#mustLive();
      const call = (): Promise<unknown> => client.send(command as never);
      return command instanceof GetCommand || command instanceof QueryCommand ? call() : this.effect(call);
    };
    return { send, middlewareStack: client.middlewareStack } as unknown as Dynamo;
  }

  #mustLive(): void {
    if (this.dead) throw Object.assign(new Error('this worker is dead'), { code: 'ECONNRESET' });
  }
}
