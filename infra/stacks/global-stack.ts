// What there is once, in the home region: management data, the topic of its changes, images, the domain.

import { ArnFormat, CfnOutput, Duration, RemovalPolicy, Stack, type StackProps } from 'aws-cdk-lib';
import { type Attribute, AttributeType, Billing, TableEncryptionV2, TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import { CfnReplicationConfiguration, Repository, TagMutability } from 'aws-cdk-lib/aws-ecr';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { PublicHostedZone } from 'aws-cdk-lib/aws-route53';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
import { topics } from '../../src/base/names.ts';
import { type Key, tableDefinitions } from '../../src/management/tables.ts';
import { alarm, operatorsTopic } from './alarms.ts';
import type { Deployment } from './regions.ts';
import { imageRepository, undeliveredQueue } from './stack-names.ts';

export interface GlobalStackProps extends StackProps {
  readonly deployment: Deployment;
}

export class GlobalStack extends Stack {
  constructor(scope: Construct, id: string, props: GlobalStackProps) {
    super(scope, id, props);
    const { deployment } = props;
    this.#tables(deployment.standbyRegion);
    const changes = this.#topic();
    this.#undelivered(deployment, changes);
    this.#images(deployment);
    const zone = new PublicHostedZone(this, 'Domain', { zoneName: deployment.domain });
    // Its name servers go into the parent domain, its id into the stacks of regions (deploy.ts).
    // The domain above names its servers; and what is imported into another home's stack has to be retained (RUNBOOK.md, home region lost).
    zone.applyRemovalPolicy(RemovalPolicy.RETAIN);
    new CfnOutput(this, 'HostedZoneId', { value: zone.hostedZoneId });
  }

  #tables(standbyRegion: string): void {
    for (const { name, key, indexes, timeToLive } of tableDefinitions) {
      new TableV2(this, name, {
        tableName: name,
        ...keySchema(key),
        globalSecondaryIndexes: Object.entries(indexes).map(([indexName, of]) => ({ indexName, ...keySchema(of) })),
        ...(timeToLive !== undefined && { timeToLiveAttribute: timeToLive }),
        billing: Billing.onDemand(),
        encryption: TableEncryptionV2.awsManagedKey(),
        pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
        deletionProtection: true,
        removalPolicy: RemovalPolicy.RETAIN,
        replicas: [{ region: standbyRegion }],
      });
    }
  }

  /** Every management change passes here: [src/management/README.md](../../src/management/README.md). */
  #topic(): Topic {
    return new Topic(this, 'Changes', { topicName: topics.changes, enforceSSL: true });
  }

  /** What SNS could not deliver to a region's queue; a subscription's dead letters stay in its topic's region. */
  #undelivered({ regions, operatorsEmail }: Deployment, changes: Topic): void {
    const operators = operatorsTopic(this, 'tsg alarms, home', operatorsEmail);
    for (const { name } of regions) {
      const queue = new Queue(this, `Undelivered-${name}`, {
        queueName: undeliveredQueue(name),
        encryption: QueueEncryption.SQS_MANAGED,
        retentionPeriod: Duration.days(14),
        enforceSSL: true,
      });
      queue.addToResourcePolicy(
        new PolicyStatement({
          principals: [new ServicePrincipal('sns.amazonaws.com')],
          actions: ['sqs:SendMessage'],
          resources: [queue.queueArn],
          conditions: { ArnEquals: { 'aws:SourceArn': changes.topicArn } },
        }),
      );
      alarm(this, operators, {
        id: `Undelivered-${name}-Alarm`,
        runbook: 'replication',
        says: `Changes of management data could not be delivered to ${name}`,
        metric: queue.metricApproximateNumberOfMessagesVisible({ period: Duration.minutes(1), statistic: 'max' }),
        above: 0,
        minutes: 1,
      });
    }
  }

  #images({ homeRegion, regions }: Deployment): void {
    new Repository(this, 'Image', {
      repositoryName: imageRepository,
      imageTagMutability: TagMutability.IMMUTABLE,
      imageScanOnPush: true,
      removalPolicy: RemovalPolicy.RETAIN,
      lifecycleRules: [{ maxImageCount: 100 }],
    });
    const destinations = regions
      .filter(({ name }) => name !== homeRegion)
      .map(({ name }) => ({ region: name, registryId: this.account }));
    if (destinations.length === 0) return;
    new CfnReplicationConfiguration(this, 'ImageReplication', {
      replicationConfiguration: {
        rules: [{ destinations, repositoryFilters: [{ filter: imageRepository, filterType: 'PREFIX_MATCH' }] }],
      },
    });
  }
}

interface KeySchema {
  readonly partitionKey: Attribute;
  readonly sortKey?: Attribute;
}

function keySchema({ partition, sort }: Key): KeySchema {
  const text = (name: string): Attribute => ({ name, type: AttributeType.STRING });
  return { partitionKey: text(partition), ...(sort !== undefined && { sortKey: text(sort) }) };
}

/** The topic's ARN, in any stack. */
export function changesTopicArn(stack: Stack, homeRegion: string): string {
  return stack.formatArn({
    service: 'sns',
    region: homeRegion,
    resource: topics.changes,
    arnFormat: ArnFormat.NO_RESOURCE_NAME,
  });
}
