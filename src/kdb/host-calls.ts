import { count, list, long, only } from './calls/grammar.ts';
import { decodePosition, encodePosition, furthest, isBefore } from './calls/position.ts';
import { encodeMessage } from './codec.ts';
import { hostCalls } from './contract.ts';
import type { Endpoint } from './dial.ts';
import type { Position } from './engine.ts';
import { EngineError } from './engine-error.ts';
import { messageKinds } from './frame.ts';
import { Lane, type LaneLimits } from './lane.ts';
import { type QValue, Sym } from './qvalue.ts';

const maxShare = 1_000_000;
const nullLong = -(2n ** 63n);

export const durable = {
  name: '.tsg.durable',
  /** Null: everything that is written by now. */
  encodeArguments: (position: Position | null): QValue[] =>
    position ? [position.generation, position.offset] : [nullLong, nullLong],
  decodeArguments(given: readonly QValue[]): Position | null {
    const [generation, offset] = list([...given], 'the arguments', 2) as QValue[];
    const position = { generation: long(generation!, 'generation'), offset: long(offset!, 'offset') };
    return position.generation === nullLong ? null : position;
  },
  encodeReply: encodePosition,
  decodeReply: decodePosition,
} as const;

export const share = {
  name: '.tsg.share',
  encodeArguments: (used: number): QValue[] => [BigInt(used)],
  decodeArguments: (given: readonly QValue[]): number => count(only(given), 'used', maxShare),
  encodeReply: (granted: number): QValue => BigInt(granted),
  decodeReply: (reply: QValue): number => count(reply, 'share', maxShare),
} as const;

interface Wait {
  /** The furthest place that is waited for. */
  position: Position | undefined;
  /** Somebody waits for a write whose place is not known. */
  everything: boolean;
  readonly done: Promise<Position>;
}

/** Asks the agent of a database's host to sync its journal, one question at a time, for all who wait by then; and how many connections there may be. */
export class HostCalls {
  readonly #lane: Lane;
  #next: Wait | undefined;
  #running: Promise<unknown> = Promise.resolve();

  constructor(endpoint: Endpoint, limits: Omit<LaneLimits, 'maxConnections' | 'insertsOnly'>) {
    this.#lane = new Lane(endpoint, { ...limits, maxConnections: 1, insertsOnly: 0 });
  }

  /** Everything up to there lasts. */
  async until({ generation, offset }: Position): Promise<void> {
    const wait = this.#join();
    wait.position = furthest(wait.position, { generation, offset });
    await wait.done;
  }

  /** Everything that is written by now lasts, up to the place given. */
  everything(): Promise<Position> {
    const wait = this.#join();
    wait.everything = true;
    return wait.done;
  }

  #join(): Wait {
    if (this.#next) return this.#next;
    const done = this.#running.catch(() => {}).then(() => this.#ask());
    this.#running = done;
    this.#next = { position: undefined, everything: false, done };
    return this.#next;
  }

  async #ask(): Promise<Position> {
    const { position, everything } = this.#next!;
    this.#next = undefined;
    const asked = durable.encodeArguments(everything ? null : position!);
    const reached = durable.decodeReply(await this.#call(durable.name, asked));
    if (position && isBefore(reached, position))
      throw new EngineError('StorageFailed', `the journal ends before ${position.generation}, ${position.offset}`);
    return reached;
  }

  /** For who has so many connections to a process of the database. */
  async share(used: number): Promise<number> {
    return share.decodeReply(await this.#call(share.name, share.encodeArguments(used)));
  }

  #call(name: keyof typeof hostCalls, given: readonly QValue[]): Promise<QValue> {
    const frame = encodeMessage(messageKinds.sync, [new Sym(name), ...given]);
    return this.#lane.call({ frame, kind: 'read', timeoutMs: hostCalls[name].timeoutMs, signal: undefined });
  }

  close(graceMs: number): Promise<void> {
    return this.#lane.close(graceMs);
  }
}
