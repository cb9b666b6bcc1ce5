// The queue through which a region hears of changes of management data.

import { type SNSClient, SubscribeCommand } from '@aws-sdk/client-sns';
import { CreateQueueCommand, GetQueueAttributesCommand, GetQueueUrlCommand, type SQSClient } from '@aws-sdk/client-sqs';
import { queues } from '../base/names.ts';
import { deadRetentionS } from './queue.ts';

/** Short: what a replicator had in hand when it died reaches the caches when this is over. */
export const feedVisibilityS = 10;
/** Far more than the replicator wants to see an event again (five minutes); what comes so often ends its replicators. */
export const feedMaxReceives = 100;

/** Creates the queue where it is missing and subscribes it: for regions on one machine; on AWS they are part of the stack. */
export async function ensureFeedQueue(sqs: SQSClient, sns: SNSClient, topicArn: string): Promise<void> {
  const retention = { MessageRetentionPeriod: String(deadRetentionS) };
  const dead = await createQueue(sqs, queues.feedDead, retention);
  const redrive = { deadLetterTargetArn: dead, maxReceiveCount: feedMaxReceives };
  const arn = await createQueue(sqs, queues.feed, {
    ...retention,
    VisibilityTimeout: String(feedVisibilityS),
    RedrivePolicy: JSON.stringify(redrive),
  });
  const raw = { RawMessageDelivery: 'true' };
  await sns.send(new SubscribeCommand({ TopicArn: topicArn, Protocol: 'sqs', Endpoint: arn, Attributes: raw }));
}

export interface FeedQueue {
  readonly url: string;
  /** SQS loses nothing, but a queue that was made anew has nothing of what was in the one before. */
  readonly madeAt: string;
}

export async function findFeedQueue(sqs: SQSClient): Promise<FeedQueue> {
  const { QueueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName: queues.feed }));
  const { Attributes } = await sqs.send(
    new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['CreatedTimestamp'] }),
  );
  return { url: QueueUrl!, madeAt: Attributes!['CreatedTimestamp']! };
}

async function createQueue(sqs: SQSClient, name: string, attributes: Record<string, string>): Promise<string> {
  const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: name, Attributes: attributes }));
  const { Attributes } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['QueueArn'] }));
  return Attributes!['QueueArn']!;
}
