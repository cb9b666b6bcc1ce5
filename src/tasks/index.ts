// What the API does with tasks: it tells the workers that there is one.

import type { SQSClient } from '@aws-sdk/client-sqs';
import type { RegionConfig } from '../base/config.ts';
import type { Log } from '../base/log.ts';
import type { Task } from '../management/records.ts';
import { createSqs, TaskQueue } from './queue.ts';

export interface Tasks {
  /** To the queue of the task's region. Never fails: a task whose message is lost is found by that region's sweeper, ten seconds later. */
  announce(task: Task, log: Log): Promise<void>;
  close(): void;
}

export function createTasks({ sqsEndpoint }: Pick<RegionConfig, 'sqsEndpoint'>): Tasks {
  const clients = new Map<string, { sqs: SQSClient; queue: TaskQueue }>();

  /** The management queues of any region. */
  function queueOf(region: string): TaskQueue {
    let client = clients.get(region);
    if (!client) {
      const sqs = createSqs({ region, endpoint: sqsEndpoint });
      client = { sqs, queue: new TaskQueue(sqs) };
      clients.set(region, client);
    }
    return client.queue;
  }

  return {
    async announce(task, log) {
      try {
        await queueOf(task.region).sendTask(task);
      } catch (error) {
        log.warn('the task is stored, its message was not sent', { taskId: task.id, region: task.region, error });
      }
    },
    close: () => {
      for (const { sqs } of clients.values()) sqs.destroy();
    },
  };
}
