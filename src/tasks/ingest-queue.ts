// The way on which workers hear of stored batches: a topic and a queue that keep the order of each database. The objects are the truth; a message only
// says that somebody should look after a database.

import { CreateTopicCommand, PublishCommand, type SNSClient, SubscribeCommand } from '@aws-sdk/client-sns';
import { CreateQueueCommand, GetQueueAttributesCommand, type SQSClient } from '@aws-sdk/client-sqs';
import { ingest } from '../base/names.ts';
import { deadRetentionS } from './queue.ts';

export interface IngestMessage {
  /** Id. */
  readonly database: string;
}

/** Creates topic and queue where they are missing: for regions on one machine; on AWS they are part of the stack. */
export async function ensureIngestQueue(sqs: SQSClient, sns: SNSClient): Promise<string> {
  const common = { FifoQueue: 'true', MessageRetentionPeriod: String(deadRetentionS) };
  const deadLetterTargetArn = await createQueue(sqs, ingest.dead, common);
  const queueArn = await createQueue(sqs, ingest.queue, {
    ...common,
    VisibilityTimeout: String(ingest.visibilityS),
    RedrivePolicy: JSON.stringify({ deadLetterTargetArn, maxReceiveCount: ingest.maxReceives }),
  });
  const { TopicArn } = await sns.send(
    new CreateTopicCommand({
      Name: ingest.topic,
      Attributes: { FifoTopic: 'true', ContentBasedDeduplication: 'false' },
    }),
  );
  const raw = { RawMessageDelivery: 'true' };
  await sns.send(new SubscribeCommand({ TopicArn, Protocol: 'sqs', Endpoint: queueArn, Attributes: raw }));
  return TopicArn!;
}

async function createQueue(sqs: SQSClient, name: string, attributes: Record<string, string>): Promise<string> {
  const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: name, Attributes: attributes }));
  const { Attributes } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['QueueArn'] }));
  return Attributes!['QueueArn']!;
}

export class IngestTopic {
  readonly #sns: SNSClient;
  readonly #arn: string | undefined;

  /** Without a topic, workers find batches by themselves, a minute later. */
  constructor(sns: SNSClient, arn: string | undefined) {
    this.#sns = sns;
    this.#arn = arn;
  }

  /** Messages of one cause are sent once within five minutes. */
  async announce(databaseId: string, cause: string): Promise<void> {
    if (this.#arn === undefined) return;
    const message: IngestMessage = { database: databaseId };
    await this.#sns.send(
      new PublishCommand({
        TopicArn: this.#arn,
        Message: JSON.stringify(message),
        MessageGroupId: databaseId,
        MessageDeduplicationId: cause.replace('/', '-'),
      }),
    );
  }

  close(): void {
    this.#sns.destroy();
  }
}
