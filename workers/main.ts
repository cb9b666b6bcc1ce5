// A worker of a region: takes tasks from the management queue, and sweeps up those that nobody takes care of.

import { setTimeout as delay } from 'node:timers/promises';
import { ConfigError, readWorkerConfig, type WorkerConfig } from '../src/base/config.ts';
import { onStop } from '../src/base/lifecycle.ts';
import { createLog, type Log } from '../src/base/log.ts';
import { createEngineClient } from '../src/kdb/client.ts';
import { createManagement } from '../src/management/index.ts';
import { createSqs, TaskQueue } from '../src/tasks/queue.ts';
import { AgentClient } from './agent-client.ts';
import { kinds } from './kinds/index.ts';
import type { WorkerServices } from './kinds/kind.ts';
import { isGone, ownerName } from './owner.ts';
import { Sweeper } from './sweeper.ts';
import { TaskConsumer } from './task-consumer.ts';
import { TaskRunner } from './task-runner.ts';

const queueRetryMs = 500;

async function main(config: WorkerConfig): Promise<void> {
  const log = createLog('worker', config.logLevel);
  const management = createManagement(config, log);
  const sqs = createSqs({ region: config.region, endpoint: config.sqsEndpoint });
  const queue = new TaskQueue(sqs);
  const owner = ownerName();
  const services: WorkerServices = { management, agents: new AgentClient(config.agentSecret), hello };
  const runner = new TaskRunner({ owner, kinds, services, queue, log });
  const sweeper = new Sweeper({ tasks: management.tasks, queue, isGone, log });
  const stopped = new AbortController();
  let consumer: TaskConsumer | undefined;

  onStop(
    async () => {
      stopped.abort();
      runner.stop();
      await Promise.all([consumer?.stop(), sweeper.stop()]);
      sqs.destroy();
      await management.close();
    },
    { stopWithParent: config.stopWithParent, log },
  );

  sweeper.start();
  const queueUrl = await untilQueue(queue, stopped.signal, log);
  if (queueUrl === undefined) return;
  consumer = new TaskConsumer({ sqs, queueUrl, run: (taskId) => runner.run(taskId), log });
  consumer.start();
  log.info('listening', { owner, queueUrl });
}

const hello: WorkerServices['hello'] = async ({ host, port }, { user, password }) => {
  const client = createEngineClient({ host, port, user, password });
  try {
    return await client.hello();
  } finally {
    await client.close();
  }
};

/** The queue may come up after the worker. */
async function untilQueue(queue: TaskQueue, stopped: AbortSignal, log: Log): Promise<string | undefined> {
  let reported = false;
  while (!stopped.aborted) {
    try {
      return await queue.url();
    } catch (error) {
      if (!reported) log.warn('the queue is not there yet', { error });
      reported = true;
      await delay(queueRetryMs, undefined, { signal: stopped }).catch(() => {});
    }
  }
  return undefined;
}

try {
  await main(readWorkerConfig(process.env));
} catch (error) {
  if (!(error instanceof ConfigError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
}
