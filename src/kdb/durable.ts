import { list, long, nothing } from './calls/grammar.ts';
import { encodeMessage } from './codec.ts';
import { hostCalls } from './contract.ts';
import type { Endpoint } from './dial.ts';
import { messageKinds } from './frame.ts';
import { Lane, type LaneLimits } from './lane.ts';
import { type QValue, Sym } from './qvalue.ts';

/** Behind this point of the journal a write lasts. */
export interface Position {
  readonly generation: bigint;
  readonly offset: bigint;
}

export const durable = {
  name: '.tsg.durable',
  encodeArguments: ({ generation, offset }: Position): QValue[] => [generation, offset],
  decodeArguments(given: readonly QValue[]): Position {
    const [generation, offset] = list([...given], 'the arguments', 2) as QValue[];
    return { generation: long(generation!, 'generation'), offset: long(offset!, 'offset') };
  },
  decodeReply: (reply: QValue): void => void nothing(reply, 'reply'),
} as const;

const isBehind = (a: Position, b: Position): boolean =>
  a.generation > b.generation || (a.generation === b.generation && a.offset > b.offset);

/** Asks the host agent to sync the journal of a database whose engine cannot. One question at a time: for all who wait by then, the furthest. */
export class Durability {
  readonly #lane: Lane;
  #next: { position: Position; readonly done: Promise<void> } | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(endpoint: Endpoint, limits: Omit<LaneLimits, 'maxConnections' | 'insertsOnly'>) {
    this.#lane = new Lane(endpoint, { ...limits, maxConnections: 1, insertsOnly: 0 });
  }

  until({ generation, offset }: Position): Promise<void> {
    const position = { generation, offset };
    if (this.#next) {
      if (isBehind(position, this.#next.position)) this.#next.position = position;
      return this.#next.done;
    }
    const done = this.#running.catch(() => {}).then(() => this.#ask());
    this.#next = { position, done };
    this.#running = done;
    return done;
  }

  async #ask(): Promise<void> {
    const { position } = this.#next!;
    this.#next = undefined;
    const frame = encodeMessage(messageKinds.sync, [new Sym(durable.name), ...durable.encodeArguments(position)]);
    const { timeoutMs } = hostCalls[durable.name];
    durable.decodeReply(await this.#lane.call({ frame, kind: 'read', timeoutMs, signal: undefined }));
  }

  close(graceMs: number): Promise<void> {
    return this.#lane.close(graceMs);
  }
}
