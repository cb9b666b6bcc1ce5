// API nodes and workers: groups of instances over the zones, which grow with the load and are replaced a few at a time.

import { Duration, type Stack } from 'aws-cdk-lib';
import {
  AdditionalHealthCheckType,
  AutoScalingGroup,
  type CfnAutoScalingGroup,
  CfnScalingPolicy,
  GroupMetrics,
  HealthChecks,
  Signals,
  UpdatePolicy,
} from 'aws-cdk-lib/aws-autoscaling';
import { SubnetType } from 'aws-cdk-lib/aws-ec2';
import type { ApplicationTargetGroup } from 'aws-cdk-lib/aws-elasticloadbalancingv2';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { type LaunchProps, launchTemplate, startsAfter } from './instance.ts';
import type { Network } from './network.ts';
import type { FleetSettings } from './regions.ts';

const startTime = Duration.minutes(10);
/** A node at this share of its processors answers still as fast. */
const cpuPercent = 50;
const requestsPerNodeAndMinute = 120_000;
/** Messages that a worker gets through while another one starts. */
const backlogPerWorker = 20;

export interface FleetProps extends Omit<LaunchProps, 'instanceType'> {
  readonly network: Network;
  /** Hear of every start and end. */
  readonly operators: ITopic;
  readonly fleet: FleetSettings;
}

class Fleet extends Construct {
  readonly group: AutoScalingGroup;

  constructor(
    scope: Stack,
    id: string,
    { network, fleet, settings, operators, ...rest }: FleetProps & { readonly healthChecks: HealthChecks },
  ) {
    super(scope, id);
    const { min, max, instanceType } = fleet;
    // The instances say that they serve; the name of whom they tell is known before they are.
    const groupId = `${id}Group`;
    const template = launchTemplate(this, 'Template', {
      ...rest,
      instanceType,
      settings: { ...settings, STACK: scope.stackName, GROUP: groupId },
    });
    this.group = new AutoScalingGroup(this, 'Group', {
      vpc: network.vpc,
      vpcSubnets: { subnetType: SubnetType.PRIVATE_WITH_EGRESS },
      launchTemplate: template,
      minCapacity: min,
      maxCapacity: max,
      healthChecks: rest.healthChecks,
      defaultInstanceWarmup: Duration.minutes(2),
      groupMetrics: [GroupMetrics.all()],
      notifications: [{ topic: operators }],
      signals: Signals.waitForMinCapacity({ timeout: startTime }),
      updatePolicy: UpdatePolicy.rollingUpdate({
        maxBatchSize: 1,
        minInstancesInService: min,
        pauseTime: startTime,
        waitOnResourceSignals: true,
        minSuccessPercentage: 100,
      }),
    });
    (this.group.node.defaultChild as CfnAutoScalingGroup).overrideLogicalId(groupId);
    startsAfter(this.group, rest.identity, network);
  }
}

/** A node that ends is taken out of the balancer first, and the group waits for the requests that it has (deregistrationDelay): no hook is needed. */
export class ApiFleet extends Fleet {
  constructor(scope: Stack, id: string, props: FleetProps & { readonly targets: ApplicationTargetGroup }) {
    super(scope, id, {
      ...props,
      healthChecks: HealthChecks.withAdditionalChecks({
        gracePeriod: Duration.minutes(5),
        additionalTypes: [AdditionalHealthCheckType.ELB],
      }),
    });
    this.group.attachToApplicationTargetGroup(props.targets);
    this.group.scaleOnCpuUtilization('Cpu', { targetUtilizationPercent: cpuPercent });
    this.group.scaleOnRequestCount('Requests', { targetRequestsPerMinute: requestsPerNodeAndMinute });
  }
}

/** A worker that ends hands its tasks back, with their checkpoints, when its system stops it (user-data/common.sh): no hook is needed either. */
export class WorkerFleet extends Fleet {
  constructor(scope: Stack, id: string, props: FleetProps & { readonly queues: readonly Queue[] }) {
    super(scope, id, { ...props, healthChecks: HealthChecks.ec2({ gracePeriod: Duration.minutes(5) }) });
    const waiting = props.queues.map((queue, i) => ({
      id: `waiting${i}`,
      returnData: false,
      metricStat: {
        stat: 'Average',
        metric: {
          namespace: 'AWS/SQS',
          metricName: 'ApproximateNumberOfMessagesVisible',
          dimensions: [{ name: 'QueueName', value: queue.queueName }],
        },
      },
    }));
    new CfnScalingPolicy(this, 'Backlog', {
      autoScalingGroupName: this.group.autoScalingGroupName,
      policyType: 'TargetTrackingScaling',
      targetTrackingConfiguration: {
        targetValue: backlogPerWorker,
        customizedMetricSpecification: {
          metrics: [
            ...waiting,
            {
              id: 'workers',
              returnData: false,
              metricStat: {
                stat: 'Average',
                metric: {
                  namespace: 'AWS/AutoScaling',
                  metricName: 'GroupInServiceInstances',
                  dimensions: [{ name: 'AutoScalingGroupName', value: this.group.autoScalingGroupName }],
                },
              },
            },
            {
              id: 'backlog',
              label: 'messages that wait, for each worker',
              // SQS writes nothing of a queue that nobody used for six hours.
              expression: `(${waiting.map((each) => `FILL(${each.id}, 0)`).join(' + ')}) / IF(workers > 0, workers, 1)`,
              returnData: true,
            },
          ],
        },
      },
    });
  }
}
