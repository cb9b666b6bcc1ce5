import { GetQueueAttributesCommand, GetQueueUrlCommand, type SQSClient } from '@aws-sdk/client-sqs';

/** How many messages a queue has: those that wait, and those that somebody has in hand. SQS's figures are some seconds old. */
export async function queueDepth(sqs: SQSClient, name: string): Promise<{ waiting: number; in_hand: number }> {
  const { QueueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName: name }));
  const { Attributes } = await sqs.send(
    new GetQueueAttributesCommand({
      QueueUrl,
      AttributeNames: ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'],
    }),
  );
  return {
    waiting: Number(Attributes!['ApproximateNumberOfMessages']),
    in_hand: Number(Attributes!['ApproximateNumberOfMessagesNotVisible']),
  };
}
