// How many tasks of each kind this worker does at once. One more of a kind may wait in hand for a lane, so that short ones follow each
// other without a pause; what comes on top goes back to its queue, so that other kinds and other workers have their turn.

import type { TaskKind } from '../src/management/records.ts';
import { type TaskQueueName, taskKinds } from '../src/management/task-kinds.ts';
import type { Kinds } from './kinds/index.ts';

/** Of one queue, of different kinds. The others of its consumers go on looking. */
const maxWaiting = 2;

export class Lanes {
  readonly #kinds: Kinds;
  readonly #taken = new Map<TaskKind, number>();
  readonly #waiting = new Map<TaskKind, (mine: boolean) => void>();

  constructor(kinds: Kinds) {
    this.#kinds = kinds;
  }

  /** Takes a lane, perhaps after a while, and gives the way to leave it; undefined: there is none, and nowhere to wait. */
  async enter(kind: TaskKind): Promise<(() => void) | undefined> {
    const taken = this.#taken.get(kind) ?? 0;
    if (taken < (this.#kinds[kind]?.lanes ?? 0)) {
      this.#taken.set(kind, taken + 1);
    } else {
      if (taken === 0 || this.#waiting.has(kind) || this.#waitingIn(taskKinds[kind].queue) >= maxWaiting)
        return undefined;
      if (!(await new Promise<boolean>((resolve) => this.#waiting.set(kind, resolve)))) return undefined;
    }
    return () => this.#leave(kind);
  }

  /** Nobody waits any longer. */
  close(): void {
    for (const turn of this.#waiting.values()) turn(false);
    this.#waiting.clear();
  }

  #leave(kind: TaskKind): void {
    const next = this.#waiting.get(kind);
    this.#waiting.delete(kind);
    if (next) next(true);
    else this.#taken.set(kind, this.#taken.get(kind)! - 1);
  }

  #waitingIn(queue: TaskQueueName): number {
    return [...this.#waiting.keys()].filter((kind) => taskKinds[kind].queue === queue).length;
  }
}
