// The queues of a region: management tasks, changes of management data, queued writes; each with its dead letters and an alarm on them.

import { ArnFormat, Duration, type Stack } from 'aws-cdk-lib';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { CfnSubscription, FifoThroughputScope, type ITopic, Topic } from 'aws-cdk-lib/aws-sns';
import { SqsSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import { DeduplicationScope, FifoThroughputLimit, Queue, QueueEncryption, type QueueProps } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { ingest, queues } from '../../src/base/names.ts';
import { feedMaxReceives, feedVisibilityS } from '../../src/tasks/feed-queue.ts';
import { deadRetentionS, taskMaxReceives, visibilityS } from '../../src/tasks/queue.ts';
import { alarm } from './alarms.ts';
import { changesTopicArn } from './global-stack.ts';
import { undeliveredQueue } from './stack-names.ts';

export interface QueuesProps {
  readonly region: string;
  readonly homeRegion: string;
  readonly operators: ITopic;
}

export class Queues extends Construct {
  readonly tasks: Queue;
  readonly bulk: Queue;
  readonly feed: Queue;
  readonly ingest: Queue;
  readonly ingestTopic: Topic;
  readonly deadLetters: Queue[] = [];
  readonly #operators: ITopic;

  constructor(scope: Stack, id: string, { region, homeRegion, operators }: QueuesProps) {
    super(scope, id);
    this.#operators = operators;
    const tasksDead = this.#dead(queues.tasksDead);
    const visibility = Duration.seconds(visibilityS);
    this.tasks = this.#queue(queues.tasks, tasksDead, taskMaxReceives, { visibilityTimeout: visibility });
    this.bulk = this.#queue(queues.bulk, tasksDead, taskMaxReceives, { visibilityTimeout: visibility });
    // Minutes that somebody waits for a database; bulk work may stand for a while.
    this.#alarmOnAge(this.tasks, 5, 60);
    this.#alarmOnAge(this.bulk, 15, 3_600);

    this.feed = this.#queue(queues.feed, this.#dead(queues.feedDead), feedMaxReceives, {
      visibilityTimeout: Duration.seconds(feedVisibilityS),
      retentionPeriod: Duration.seconds(deadRetentionS),
    });
    this.#alarmOnAge(this.feed, 2, 30, 'replication');
    this.#subscribe(scope, region, homeRegion);

    // Order and repetitions are of one database each; so are AWS' limits then, which otherwise are 300 calls a second for all databases together.
    this.ingestTopic = new Topic(this, 'IngestTopic', {
      topicName: ingest.topic,
      fifo: true,
      contentBasedDeduplication: false,
      fifoThroughputScope: FifoThroughputScope.MESSAGE_GROUP,
      enforceSSL: true,
    });
    const ingestDead = this.#dead(ingest.dead, { fifo: true });
    this.ingest = this.#queue(ingest.queue, ingestDead, ingest.maxReceives, {
      fifo: true,
      deduplicationScope: DeduplicationScope.MESSAGE_GROUP,
      fifoThroughputLimit: FifoThroughputLimit.PER_MESSAGE_GROUP_ID,
      visibilityTimeout: Duration.seconds(ingest.visibilityS),
      retentionPeriod: Duration.days(14),
    });
    this.ingestTopic.addSubscription(
      new SqsSubscription(this.ingest, { rawMessageDelivery: true, deadLetterQueue: ingestDead }),
    );
    this.#alarmOnAge(this.ingest, 5, 120);
  }

  /** To the topic in the home region: a stack may make a subscription there, but what cannot be delivered must stay there. */
  #subscribe(stack: Stack, region: string, homeRegion: string): void {
    const topicArn = changesTopicArn(stack, homeRegion);
    this.feed.addToResourcePolicy(
      new PolicyStatement({
        principals: [new ServicePrincipal('sns.amazonaws.com')],
        actions: ['sqs:SendMessage'],
        resources: [this.feed.queueArn],
        conditions: { ArnEquals: { 'aws:SourceArn': topicArn } },
      }),
    );
    new CfnSubscription(this, 'Feed', {
      topicArn,
      region: homeRegion,
      protocol: 'sqs',
      endpoint: this.feed.queueArn,
      rawMessageDelivery: true,
      redrivePolicy: {
        deadLetterTargetArn: stack.formatArn({
          service: 'sqs',
          region: homeRegion,
          resource: undeliveredQueue(region),
        }),
      },
    });
  }

  #queue(name: string, dead: Queue, maxReceives: number, props: QueueProps): Queue {
    return new Queue(this, name, {
      ...props,
      queueName: name,
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      deadLetterQueue: { queue: dead, maxReceiveCount: maxReceives },
    });
  }

  #dead(name: string, props: QueueProps = {}): Queue {
    const queue = new Queue(this, name, {
      ...props,
      queueName: name,
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      retentionPeriod: Duration.seconds(deadRetentionS),
    });
    this.deadLetters.push(queue);
    alarm(this, this.#operators, {
      id: `${name}-alarm`,
      runbook: 'dead-letters',
      says: `There are messages in ${name}`,
      metric: queue.metricApproximateNumberOfMessagesVisible({ period: Duration.minutes(1), statistic: 'max' }),
      above: 0,
      minutes: 1,
    });
    return queue;
  }

  #alarmOnAge(queue: Queue, minutes: number, ageS: number, runbook: 'queues' | 'replication' = 'queues'): void {
    alarm(this, this.#operators, {
      id: `${queue.node.id}-age`,
      runbook,
      says: `The oldest message of ${queue.node.id} is older than ${ageS} s`,
      metric: queue.metricApproximateAgeOfOldestMessage({ period: Duration.minutes(1), statistic: 'max' }),
      above: ageS,
      minutes,
    });
  }
}

export function ingestTopicArn(stack: Stack, region: string): string {
  return stack.formatArn({
    service: 'sns',
    region,
    resource: ingest.topic,
    arnFormat: ArnFormat.NO_RESOURCE_NAME,
  });
}
