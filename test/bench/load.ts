// Two ways to put a load on a target. Closed loop: each connection sends its next request when it has the reply to the last, which shows the top
// rate. Open loop: requests are due at fixed times, whether or not the target keeps up, and their time counts from when they were due: a stall
// that a closed loop would wait out once shows in every request that it delays.
import { setTimeout as delay } from 'node:timers/promises';
import { type Address, Connection, type Message, type Reply } from './http.ts';

const maxAttempts = 20;
const retryAfterMs = 1_000;
const napMs = 0.2;

export interface LoadResult {
  readonly seconds: number;
  readonly timesMs: readonly number[];
}

/** Sends what `next` gives until it gives null. */
export async function closedLoop(
  address: Address,
  connections: number,
  next: () => Message | null,
): Promise<LoadResult> {
  return measured(address, connections, async (open, timesMs) => {
    const runOne = async (connection: Connection): Promise<void> => {
      for (let message = next(); message; message = next()) {
        const sentMs = performance.now();
        await deliver(connection, message);
        timesMs.push(performance.now() - sentMs);
      }
    };
    await Promise.all(open.map(runOne));
  });
}

/** Sends `count` messages, `ratePerS` of them a second. */
export async function openLoop(
  address: Address,
  connections: number,
  { ratePerS, count, next }: { ratePerS: number; count: number; next: () => Message },
): Promise<LoadResult> {
  return measured(address, connections, async (open, timesMs) => {
    const pace = new Pace();
    const startMs = performance.now();
    let sent = 0;
    const runOne = async (connection: Connection): Promise<void> => {
      while (sent < count) {
        const dueMs = startMs + (sent++ * 1000) / ratePerS;
        const message = next();
        if (performance.now() < dueMs) await pace.until(dueMs);
        await deliver(connection, message);
        timesMs.push(performance.now() - dueMs);
      }
    };
    await Promise.all(open.map(runOne));
  });
}

/**
 * Waits until a time to 0.2 ms: a timer would be 1 ms late and more, and then send four requests of 4,000 a second in one burst. The thread
 * sleeps in short naps and looks at its sockets in between, so a reply is seen as much later at most.
 */
class Pace {
  readonly #bell = new Int32Array(new SharedArrayBuffer(4));
  /** In the order of their times. */
  readonly #waiting: { readonly dueMs: number; readonly go: () => void }[] = [];

  /** Never an earlier time than before. */
  until(dueMs: number): Promise<void> {
    return new Promise((go) => {
      this.#waiting.push({ dueMs, go });
      if (this.#waiting.length === 1) setImmediate(() => this.#turn());
    });
  }

  #turn(): void {
    const leftMs = this.#waiting[0]!.dueMs - performance.now();
    // Nobody rings: it is the one sleep that is as short as that.
    if (leftMs > 0) Atomics.wait(this.#bell, 0, 0, Math.min(leftMs, napMs));
    const nowMs = performance.now();
    while (this.#waiting.length > 0 && this.#waiting[0]!.dueMs <= nowMs) this.#waiting.shift()!.go();
    if (this.#waiting.length > 0) setImmediate(() => this.#turn());
  }
}

/** One request on a connection of its own. */
export async function once(address: Address, message: Message): Promise<Reply> {
  const connection = await Connection.open(address);
  try {
    return succeeded(await connection.send(message));
  } finally {
    connection.close();
  }
}

/** As a client should: what is refused for now is sent again a second later, and all of that counts as its time. */
async function deliver(connection: Connection, message: Message): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const reply = await connection.send(message);
    const later = (reply.status === 429 || reply.status === 503) && attempt < maxAttempts;
    if (!later) return void succeeded(reply);
    await delay(retryAfterMs);
  }
}

export function succeeded(reply: Reply): Reply {
  if (reply.status >= 200 && reply.status < 300) return reply;
  throw new Error(`the reply was ${reply.status}: ${reply.body.toString('utf8', 0, 500)}`);
}

async function measured(
  address: Address,
  connections: number,
  run: (open: Connection[], timesMs: number[]) => Promise<void>,
): Promise<LoadResult> {
  const open = await Promise.all(Array.from({ length: connections }, () => Connection.open(address)));
  const timesMs: number[] = [];
  const startMs = performance.now();
  try {
    await run(open, timesMs);
    return { seconds: (performance.now() - startMs) / 1000, timesMs };
  } finally {
    for (const connection of open) connection.close();
  }
}
