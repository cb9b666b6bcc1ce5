// What operators look at, and what wakes them.

import { Duration } from 'aws-cdk-lib';
import {
  Dashboard as CloudWatchDashboard,
  GraphWidget,
  type IMetric,
  MathExpression,
  Metric,
} from 'aws-cdk-lib/aws-cloudwatch';
import { HttpCodeTarget } from 'aws-cdk-lib/aws-elasticloadbalancingv2';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import { alarm } from './alarms.ts';
import type { Balancer } from './balancer.ts';
import type { Cache } from './cache.ts';
import type { ApiFleet, WorkerFleet } from './fleets.ts';
import type { Hosts } from './hosts.ts';
import type { Queues } from './queues.ts';
import { metricNamespace } from './stack-names.ts';

export interface DashboardProps {
  readonly region: string;
  readonly operators: ITopic;
  readonly balancer: Balancer;
  readonly api: ApiFleet;
  readonly workers: WorkerFleet;
  readonly hosts: Hosts;
  readonly queues: Queues;
  readonly cache: Cache;
}

const period = Duration.minutes(1);

export class Dashboard extends Construct {
  constructor(scope: Construct, id: string, props: DashboardProps) {
    super(scope, id);
    const { region, operators, balancer, api, workers, queues } = props;
    const requests = balancer.balancer.metrics.requestCount({ period });
    const errors = balancer.targets.metrics.httpCodeTarget(HttpCodeTarget.TARGET_5XX_COUNT, { period });
    const errorPercent = new MathExpression({
      expression: 'IF(requests > 20, 100 * errors / requests, 0)',
      usingMetrics: { requests, errors },
      label: '5xx, percent of requests',
      period,
    });
    const latency = (statistic: string): Metric => balancer.targets.metrics.targetResponseTime({ statistic, period });
    const ours = (metricName: string, statistic = 'Maximum'): Metric =>
      new Metric({ namespace: metricNamespace, metricName, dimensionsMap: { region }, statistic, period });

    alarm(this, operators, {
      id: 'Errors',
      runbook: 'errors',
      says: 'More than 1 % of requests end with 5xx',
      metric: errorPercent,
      above: 1,
      minutes: 3,
    });
    alarm(this, operators, {
      id: 'Latency',
      runbook: 'latency',
      says: 'The slowest hundredth of requests takes longer than 2 s',
      metric: latency('p99'),
      above: 2,
      minutes: 5,
    });
    alarm(this, operators, {
      id: 'Replication',
      runbook: 'replication',
      says: 'Changes of management data reach the caches later than 10 s',
      metric: ours('replicationLagSeconds'),
      above: 10,
      minutes: 3,
    });
    alarm(this, operators, {
      id: 'Journal',
      runbook: 'journal',
      says: 'The slowest hundredth of journal syncs takes longer than 100 ms',
      metric: ours('journalSyncP99Seconds'),
      above: 0.1,
      minutes: 5,
    });
    alarm(this, operators, {
      id: 'Slots',
      runbook: 'slots',
      says: 'Fewer than 4 databases fit on the hosts that run',
      metric: ours('freeSlots', 'Minimum'),
      below: 4,
      minutes: 5,
    });
    alarm(this, operators, {
      id: 'Disk',
      runbook: 'disk',
      says: 'A volume has less than 15 % of room',
      metric: ours('freeVolumePercent', 'Minimum'),
      below: 15,
      minutes: 5,
    });
    alarm(this, operators, {
      id: 'Canary',
      runbook: 'canary',
      says: 'Points written through the front door do not come back',
      metric: ours('canaryFailures', 'Sum'),
      above: 0,
      minutes: 2,
      silenceIsBad: true,
    });

    const dashboard = new CloudWatchDashboard(this, 'Dashboard', { dashboardName: `tsg-${region}` });
    const graph = (title: string, left: IMetric[], right: IMetric[] = []): GraphWidget =>
      new GraphWidget({ title, left, right, width: 8 });
    dashboard.addWidgets(
      graph('Requests', [requests], [errorPercent]),
      graph('Latency, s', ['p50', 'p99'].map(latency)),
      graph('Firewall', [
        new Metric({
          namespace: 'AWS/WAFV2',
          metricName: 'BlockedRequests',
          dimensionsMap: { Region: region, Rule: 'ALL' },
          period,
          statistic: 'Sum',
        }),
      ]),
      graph(
        'Queues, oldest message, s',
        [queues.tasks, queues.bulk, queues.feed, queues.ingest].map((queue) =>
          queue.metricApproximateAgeOfOldestMessage({ period }),
        ),
      ),
      graph(
        'Queues, messages',
        [queues.tasks, queues.bulk, queues.feed, queues.ingest].map((queue) =>
          queue.metricApproximateNumberOfMessagesVisible({ period }),
        ),
      ),
      graph('Replication lag, s', [ours('replicationLagSeconds')]),
      graph('Journal sync p99, s', [ours('journalSyncP99Seconds')]),
      graph('Free slots', [ours('freeSlots', 'Minimum')], [ours('freeVolumePercent', 'Minimum')]),
      graph('Canary', [ours('canaryFailures', 'Sum')], [ours('canarySeconds', 'p99')]),
      graph(
        'Instances',
        [api, workers].map(
          ({ group }) =>
            new Metric({
              namespace: 'AWS/AutoScaling',
              metricName: 'GroupInServiceInstances',
              dimensionsMap: { AutoScalingGroupName: group.autoScalingGroupName },
              period,
            }),
        ),
      ),
    );
  }
}
