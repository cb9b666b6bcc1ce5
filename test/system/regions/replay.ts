// The change feed, kept and sent once more: what SNS and SQS may do to every event.

import { SetSubscriptionAttributesCommand, SubscribeCommand } from '@aws-sdk/client-sns';
import {
  CreateQueueCommand,
  DeleteMessageBatchCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import { createSns } from '../../../src/management/topic.ts';
import { findFeedQueue } from '../../../src/tasks/feed-queue.ts';
import { createSqs } from '../../../src/tasks/queue.ts';
import type { LocalRegion } from '../region.ts';
import { home } from './world.ts';

const copies = 3;

export class Replay {
  readonly #regions: LocalRegion;
  readonly #sqs: SQSClient;
  readonly #queueUrl: string;
  /** Changes that were published since it was opened, in the order in which they came. */
  readonly #events: string[] = [];

  constructor(regions: LocalRegion, sqs: SQSClient, queueUrl: string) {
    this.#regions = regions;
    this.#sqs = sqs;
    this.#queueUrl = queueUrl;
  }

  static async open(regions: LocalRegion): Promise<Replay> {
    const { TSG_SQS_ENDPOINT: endpoint, TSG_TOPIC_ARN: topicArn } = regions.environment(home);
    const sqs = createSqs({ region: home, endpoint });
    const sns = createSns({ region: home, endpoint });
    const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: 'test-tap' }));
    const { Attributes } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['QueueArn'] }));
    const { SubscriptionArn } = await sns.send(
      new SubscribeCommand({
        TopicArn: topicArn,
        Protocol: 'sqs',
        Endpoint: Attributes!['QueueArn'],
        ReturnSubscriptionArn: true,
      }),
    );
    await sns.send(
      new SetSubscriptionAttributesCommand({
        SubscriptionArn,
        AttributeName: 'RawMessageDelivery',
        AttributeValue: 'true',
      }),
    );
    sns.destroy();
    return new Replay(regions, sqs, QueueUrl!);
  }

  /** Takes in what was published. */
  async collect(): Promise<number> {
    for (;;) {
      const { Messages = [] } = await this.#sqs.send(
        new ReceiveMessageCommand({ QueueUrl: this.#queueUrl, MaxNumberOfMessages: 10 }),
      );
      if (Messages.length === 0) return this.#events.length;
      for (const { Body } of Messages) if (JSON.parse(Body!).kind !== 'heartbeat') this.#events.push(Body!);
      await this.#sqs.send(
        new DeleteMessageBatchCommand({
          QueueUrl: this.#queueUrl,
          Entries: Messages.map(({ ReceiptHandle }, i) => ({ Id: String(i), ReceiptHandle })),
        }),
      );
    }
  }

  /** To the feed of a region, thrice each and in no order. */
  async send(region: string, random: () => number): Promise<void> {
    const sqs = createSqs({ region, endpoint: this.#regions.environment(region)['TSG_SQS_ENDPOINT'] });
    const { url: QueueUrl } = await findFeedQueue(sqs);
    const shuffled = Array.from({ length: copies }, () => this.#events)
      .flat()
      .map((body) => ({ body, at: random() }))
      .toSorted((a, b) => a.at - b.at);
    for (let start = 0; start < shuffled.length; start += 10) {
      const batch = shuffled.slice(start, start + 10);
      await sqs.send(
        new SendMessageBatchCommand({
          QueueUrl,
          Entries: batch.map(({ body }, i) => ({ Id: String(i), MessageBody: body })),
        }),
      );
    }
    sqs.destroy();
  }

  close(): void {
    this.#sqs.destroy();
  }
}
