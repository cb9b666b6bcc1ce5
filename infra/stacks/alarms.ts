// Alarms: each says what is wrong, and which paragraph of the runbook leads out of it; and whom they tell.

import { Aws } from 'aws-cdk-lib';
import { Alarm, ComparisonOperator, type IMetric, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { type ITopic, Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import type { Construct } from 'constructs';

/** Headings of infra/RUNBOOK.md, by their anchors. */
export const runbookParagraphs = [
  'errors',
  'latency',
  'queues',
  'replication',
  'journal',
  'slots',
  'disk',
  'dead-letters',
  'canary',
  'cache',
  'host-lost',
] as const;
export type RunbookParagraph = (typeof runbookParagraphs)[number];

export interface AlarmSettings {
  readonly id: string;
  readonly runbook: RunbookParagraph;
  readonly says: string;
  readonly metric: IMetric;
  readonly above?: number;
  readonly below?: number;
  /** So many in a row. */
  readonly minutes: number;
  /** What no data means: mostly that there was nothing to count. */
  readonly silenceIsBad?: boolean;
}

export function alarm(scope: Construct, operators: ITopic, settings: AlarmSettings): Alarm {
  const { id, runbook, says, metric, above, below, minutes, silenceIsBad = false } = settings;
  const made = new Alarm(scope, id, {
    alarmDescription: `${says}. See infra/RUNBOOK.md#${runbook}`,
    metric,
    threshold: (above ?? below)!,
    comparisonOperator:
      above === undefined ? ComparisonOperator.LESS_THAN_THRESHOLD : ComparisonOperator.GREATER_THAN_THRESHOLD,
    evaluationPeriods: minutes,
    treatMissingData: silenceIsBad ? TreatMissingData.BREACHING : TreatMissingData.NOT_BREACHING,
  });
  const action = new SnsAction(operators);
  made.addAlarmAction(action);
  made.addOkAction(action);
  return made;
}

export function operatorsTopic(scope: Construct, displayName: string, email: string): Topic {
  const topic = new Topic(scope, 'Operators', { displayName, enforceSSL: true });
  // A policy of its own takes the place of the one by which CloudWatch may otherwise publish.
  topic.addToResourcePolicy(
    new PolicyStatement({
      principals: [new ServicePrincipal('cloudwatch.amazonaws.com')],
      actions: ['sns:Publish'],
      resources: [topic.topicArn],
      conditions: { StringEquals: { 'aws:SourceAccount': Aws.ACCOUNT_ID } },
    }),
  );
  topic.addSubscription(new EmailSubscription(email));
  return topic;
}
