// What the API does with tasks: it tells the workers that there is one.

import type { RegionConfig } from '../base/config.ts';
import type { Log } from '../base/log.ts';
import type { Task } from '../management/records.ts';
import { createSqs, TaskQueue } from './queue.ts';

export interface Tasks {
  /** Never fails: a task whose message is lost is found by the sweeper, ten seconds later. */
  announce(task: Task, log: Log): Promise<void>;
  close(): void;
}

export function createTasks({ region, sqsEndpoint }: Pick<RegionConfig, 'region' | 'sqsEndpoint'>): Tasks {
  const client = createSqs({ region, endpoint: sqsEndpoint });
  const queue = new TaskQueue(client);
  return {
    async announce(task, log) {
      try {
        await queue.sendTask(task.id);
      } catch (error) {
        log.warn('the task is stored, its message was not sent', { taskId: task.id, error });
      }
    },
    close: () => client.destroy(),
  };
}
