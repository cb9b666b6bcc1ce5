import type { NodeProcess } from '../debugger.ts';
import type { Address, Message } from '../http.ts';
import type { Query } from '../shapes.ts';

/** What is measured: a database that takes line protocol over HTTP and answers the query shapes. */
export interface Target {
  readonly name: string;
  /** Where `write` and `query` go. */
  readonly address: Address;
  /** All processes that do its work. */
  pids(): number[];
  /** Those of them whose time is worth a look inside. */
  profiled(): NodeProcess[];
  write(body: Buffer): Message;
  query(query: Query): Message;
  /** Only authenticated, and its database looked up; where the target knows of such things. */
  readonly noOp?: Message;
  /** Takes a file, where the target can; what it gives imports it, and gives the seconds that took. */
  upload?(file: Buffer, params: object): Promise<() => Promise<number>>;
  /** The reply of a query, brought to one form. */
  answer(body: Buffer): Answer;
  /** Everything written so far can be queried, and the target has come to rest; what it holds in memory for queries stays there. */
  rest(): Promise<void>;
  /** Everything written so far is in files in their final form, as far as the target has a way to ask for that. */
  flush(): Promise<void>;
  /** What the data takes on disk. */
  diskBytes(): number;
  /** Stops it in good order and starts it again on its data. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** Two targets gave the same answer when these agree. */
export interface Answer {
  /** Values that are not null. */
  readonly values: number;
  readonly sum: number;
}

/** `folder` is the target's alone; the caller removes it. */
export type StartTarget = (folder: string) => Promise<Target>;

export function sumUp(values: Iterable<number | null>): Answer {
  let count = 0;
  let sum = 0;
  for (const value of values) {
    if (value === null) continue;
    count += 1;
    sum += value;
  }
  return { values: count, sum };
}
