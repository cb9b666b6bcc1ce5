// What operators look at, and what wakes them.

import { Duration } from 'aws-cdk-lib';
import type { AutoScalingGroup } from 'aws-cdk-lib/aws-autoscaling';
import {
  Dashboard as CloudWatchDashboard,
  GraphWidget,
  type IMetric,
  MathExpression,
  Metric,
} from 'aws-cdk-lib/aws-cloudwatch';
import { HttpCodeElb, HttpCodeTarget } from 'aws-cdk-lib/aws-elasticloadbalancingv2';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import { figures } from '../../src/base/names.ts';
import { alarm } from './alarms.ts';
import { type Balancer, firewallName } from './balancer.ts';
import { type Cache, cacheName } from './cache.ts';
import type { ApiFleet, WorkerFleet } from './fleets.ts';
import type { Hosts } from './hosts.ts';
import type { Queues } from './queues.ts';

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
    const { region, operators, balancer, api, workers, hosts, queues, cache } = props;
    const requests = balancer.balancer.metrics.requestCount({ period });
    const errors = balancer.targets.metrics.httpCodeTarget(HttpCodeTarget.TARGET_5XX_COUNT, { period });
    // What clients get while no node answers.
    const ownErrors = balancer.balancer.metrics.httpCodeElb(HttpCodeElb.ELB_5XX_COUNT, { period });
    const errorPercent = new MathExpression({
      expression: 'IF(FILL(requests, 0) > 20, 100 * (FILL(errors, 0) + FILL(ownErrors, 0)) / requests, 0)',
      usingMetrics: { requests, errors, ownErrors },
      label: '5xx, percent of requests',
      period,
    });
    const latency = (statistic: string): Metric => balancer.targets.metrics.targetResponseTime({ statistic, period });
    const cacheMetrics = (metricName: string, statistic: string): Record<string, Metric> =>
      Object.fromEntries(
        Object.keys(cache.hosts).map((zone) => {
          // The one node of its replication group.
          const dimensionsMap = { CacheClusterId: `${cacheName(zone)}-001` };
          return [zone, new Metric({ namespace: 'AWS/ElastiCache', metricName, dimensionsMap, statistic, period })];
        }),
      );
    const ours = (metricName: string, statistic = 'Maximum'): Metric =>
      new Metric({ namespace: figures.namespace, metricName, dimensionsMap: { region }, statistic, period });

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
      metric: ours(figures.replicationLag),
      above: 10,
      minutes: 3,
      silenceIsBad: true,
    });
    alarm(this, operators, {
      id: 'Journal',
      runbook: 'journal',
      says: 'The slowest hundredth of journal syncs takes longer than 100 ms',
      metric: ours(figures.journalSyncP99),
      above: 0.1,
      minutes: 5,
    });
    alarm(this, operators, {
      id: 'Slots',
      runbook: 'slots',
      says: 'Fewer than 4 databases fit on the hosts that run',
      metric: ours(figures.freeSlots, 'Minimum'),
      below: 4,
      minutes: 5,
    });
    alarm(this, operators, {
      id: 'Disk',
      runbook: 'disk',
      says: 'A volume has less than 15 % of room',
      metric: ours(figures.freeVolume, 'Minimum'),
      below: 15,
      minutes: 5,
    });
    alarm(this, operators, {
      id: 'Canary',
      runbook: 'canary',
      says: 'Points written through the front door do not come back',
      metric: ours(figures.canaryFailures, 'Sum'),
      above: 0,
      minutes: 2,
      silenceIsBad: true,
    });

    for (const [zone, metric] of Object.entries(cacheMetrics('CurrConnections', 'Maximum')))
      alarm(this, operators, {
        id: `Cache-${zone}`,
        runbook: 'cache',
        says: `Nobody is connected to the Redis of ${zone}`,
        metric,
        below: 1,
        minutes: 5,
        silenceIsBad: true,
      });
    for (const group of hosts.groups)
      alarm(this, operators, {
        id: `${group.node.scope!.node.id}-lost`,
        runbook: 'host-lost',
        says: `${group.node.scope!.node.id} should have a host, and has none`,
        metric: new MathExpression({
          expression: 'wanted - running',
          usingMetrics: {
            wanted: groupMetric(group, 'GroupDesiredCapacity'),
            running: groupMetric(group, 'GroupInServiceInstances'),
          },
          label: 'hosts that are missing',
          period,
        }),
        above: 0,
        minutes: 10,
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
          dimensionsMap: { Region: region, Rule: 'ALL', WebACL: firewallName },
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
      graph('Replication lag, s', [ours(figures.replicationLag)]),
      graph('Journal sync p99, s', [ours(figures.journalSyncP99)]),
      graph('Free slots', [ours(figures.freeSlots, 'Minimum')], [ours(figures.freeVolume, 'Minimum')]),
      graph('Canary', [ours(figures.canaryFailures, 'Sum')], [ours(figures.canaryDuration, 'p99')]),
      graph(
        'Dead letters',
        queues.deadLetters.map((queue) => queue.metricApproximateNumberOfMessagesVisible({ period })),
      ),
      graph(
        'Instances',
        [api, workers].map(({ group }) => groupMetric(group, 'GroupInServiceInstances')),
        [api, workers].map(
          ({ group }) =>
            new Metric({
              namespace: 'AWS/EC2',
              metricName: 'CPUUtilization',
              dimensionsMap: { AutoScalingGroupName: group.autoScalingGroupName },
              period,
            }),
        ),
      ),
      graph(
        'Cache, connections and evictions',
        Object.values(cacheMetrics('CurrConnections', 'Maximum')),
        Object.values(cacheMetrics('Evictions', 'Sum')),
      ),
    );
  }
}

function groupMetric(group: AutoScalingGroup, metricName: string): Metric {
  return new Metric({
    namespace: 'AWS/AutoScaling',
    metricName,
    dimensionsMap: { AutoScalingGroupName: group.autoScalingGroupName },
    statistic: 'Average',
    period,
  });
}
