// Looks on while workers do a task. Whoever stops looking on leaves the task as it is.

import { setTimeout as delay } from 'node:timers/promises';
import type { Task } from '../../src/management/records.ts';
import { progressLine } from './progress-bar.ts';
import type { Report } from './report.ts';
import type { Session } from './session.ts';
import { taskReport } from './task-report.ts';

const lookEveryMs = 1_000;
/** Where there is no terminal, progress alone makes a line this often. */
const lineEveryMs = 10_000;

/** Ctrl-C: the task goes on. */
export class Unfollowed extends Error {}

/** Until the task has ended; fails unless it has succeeded. */
export async function followTask(session: Session, id: string): Promise<Report> {
  const view = process.stderr.isTTY ? new Line() : new Lines();
  try {
    for (;;) {
      const task = await session.management.tasks.getTask(id);
      if (task && hasEnded(task)) return { ...taskReport(task), exitCode: task.state === 'succeeded' ? 0 : 1 };
      view.show(task ? progressLine(task) : `task ${id} is not made yet`, stateOf(task));
      await delay(lookEveryMs, undefined, { signal: session.signal });
    }
  } catch (error) {
    if (!session.signal.aborted) throw error;
    throw new Unfollowed(`the task goes on; npm run ops -- tasks show ${id} --follow`);
  } finally {
    view.end();
  }
}

/** Also what a cancelled one left behind is put in order. */
export function hasEnded({ state, cleanUps }: Task): boolean {
  return state === 'succeeded' || state === 'failed' || (state === 'cancelled' && cleanUps === null);
}

function stateOf(task: Task | undefined): string {
  return task ? `${task.state} ${task.attempts} ${task.waits?.reason ?? ''} ${task.cancelRequested}` : '';
}

/** Written over and over. */
class Line {
  show(text: string): void {
    const { columns = 80 } = process.stderr;
    process.stderr.write(`\r\x1b[K${text.slice(0, columns - 1)}`);
  }

  end(): void {
    process.stderr.write('\r\x1b[K');
  }
}

class Lines {
  #state: string | undefined;
  #atMs = 0;

  show(text: string, state: string): void {
    const nowMs = performance.now();
    if (state === this.#state && nowMs - this.#atMs < lineEveryMs) return;
    this.#state = state;
    this.#atMs = nowMs;
    process.stderr.write(`${text}\n`);
  }

  end(): void {}
}
