// One run of the command line: whose region it is, and the clients it takes to act there, as the API and the workers have them.

import { userInfo } from 'node:os';
import type { SQSClient } from '@aws-sdk/client-sqs';
import type { WatchedConfig } from '../../src/base/config.ts';
import { createLog, type Log } from '../../src/base/log.ts';
import type { ObjectStore } from '../../src/base/object-store.ts';
import { openObjectStore } from '../../src/base/objects/open.ts';
import { type Actor, theService } from '../../src/management/audit.ts';
import { createManagement, type Management } from '../../src/management/index.ts';
import type { Task } from '../../src/management/records.ts';
import { createSns } from '../../src/management/topic.ts';
import { createTasks, type Tasks } from '../../src/tasks/index.ts';
import { IngestTopic } from '../../src/tasks/ingest-queue.ts';
import { createSqs } from '../../src/tasks/queue.ts';

export interface SessionOptions {
  readonly config: WatchedConfig;
  /** Of the host agents; undefined: this machine is not told. */
  readonly agentSecret: string | undefined;
  /** Who acts, for the audit; null: who is logged in. */
  readonly by: string | null;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
}

/** Clients are made when they are needed. */
export class Session {
  readonly config: WatchedConfig;
  readonly agentSecret: string | undefined;
  readonly person: string;
  readonly signal: AbortSignal;
  readonly log: Log;
  readonly #sqs = new Map<string, SQSClient>();
  #management: Management | undefined;
  #tasks: Tasks | undefined;
  #objects: ObjectStore | undefined;
  #ingestTopic: IngestTopic | undefined;

  constructor({ config, agentSecret, by, signal }: SessionOptions) {
    this.config = config;
    this.agentSecret = agentSecret;
    this.person =
      by ??
      (userInfo()
        .username.replaceAll(/[^\w.@+-]/g, '-')
        .slice(0, 100) ||
        'operator');
    this.signal = signal;
    this.log = createLog('ops', 'warn');
  }

  get region(): string {
    return this.config.region;
  }

  /** As the audit has tasks that are asked for by a message. */
  get actor(): Actor {
    return { ...theService, operator: true, userId: `ops:${this.person}`, region: this.region };
  }

  get management(): Management {
    this.#management ??= createManagement(this.config, this.log);
    return this.#management;
  }

  get objects(): ObjectStore {
    this.#objects ??= openObjectStore(this.config, this.log);
    return this.#objects;
  }

  sqs(region = this.region): SQSClient {
    let sqs = this.#sqs.get(region);
    if (!sqs) {
      sqs = createSqs({ region, endpoint: this.config.sqsEndpoint });
      this.#sqs.set(region, sqs);
    }
    return sqs;
  }

  get ingestTopic(): IngestTopic {
    const { region, config } = this;
    this.#ingestTopic ??= new IngestTopic(createSns({ region, endpoint: config.snsEndpoint }), config.ingestTopicArn);
    return this.#ingestTopic;
  }

  announce(task: Task): Promise<void> {
    this.#tasks ??= createTasks(this.config);
    return this.#tasks.announce(task, this.log);
  }

  async close(): Promise<void> {
    for (const sqs of this.#sqs.values()) sqs.destroy();
    this.#tasks?.close();
    this.#ingestTopic?.close();
    await this.#management?.close();
  }
}
