// The SNS topic of the home region on which every change of management data is published.

import { CreateTopicCommand, PublishBatchCommand, SNSClient } from '@aws-sdk/client-sns';
import { topics } from '../base/names.ts';
import { encodeEvent, type FeedEvent } from './event.ts';

/** SNS's own limits of one batch. */
const maxBatchEvents = 10;
const maxBatchBytes = 256 * 1024;

/** An endpoint means a local SNS, which takes any credentials; without one the environment's are used. */
export function createSns({ region, endpoint }: { region: string; endpoint: string | undefined }): SNSClient {
  return new SNSClient({
    region,
    maxAttempts: 3,
    requestHandler: { connectionTimeout: 1_000, requestTimeout: 2_000, throwOnRequestTimeout: true },
    ...(endpoint !== undefined && { endpoint, credentials: { accessKeyId: 'local', secretAccessKey: 'local' } }),
  });
}

/** Creates the topic where it is missing: for regions on one machine; on AWS it is part of the stack. */
export async function ensureTopic(sns: SNSClient): Promise<string> {
  const { TopicArn } = await sns.send(new CreateTopicCommand({ Name: topics.changes }));
  return TopicArn!;
}

export class Topic {
  readonly #sns: SNSClient;
  readonly #arn: string;

  constructor(sns: SNSClient, arn: string) {
    this.#sns = sns;
    this.#arn = arn;
  }

  /** Gives those that were taken. */
  async publish<E extends FeedEvent>(events: readonly E[]): Promise<E[]> {
    const taken: E[] = [];
    for (const batch of batches(events)) {
      const { Successful = [] } = await this.#sns.send(
        new PublishBatchCommand({
          TopicArn: this.#arn,
          PublishBatchRequestEntries: batch.map(({ text }, i) => ({ Id: String(i), Message: text })),
        }),
      );
      for (const { Id } of Successful) taken.push(batch[Number(Id)]!.event);
    }
    return taken;
  }

  close(): void {
    this.#sns.destroy();
  }
}

function batches<E extends FeedEvent>(events: readonly E[]): { event: E; text: string }[][] {
  const found: { event: E; text: string }[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const event of events) {
    const text = encodeEvent(event);
    const size = Buffer.byteLength(text);
    if (bytes + size > maxBatchBytes || found.at(-1)!.length === maxBatchEvents) {
      found.push([]);
      bytes = 0;
    }
    found.at(-1)!.push({ event, text });
    bytes += size;
  }
  return found;
}
