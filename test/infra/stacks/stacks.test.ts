// What the templates of a small deployment say, property by property. Nothing is deployed.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { test } from 'node:test';
import { App, CfnOutput, CfnWaitConditionHandle, type Environment, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { Vpc } from 'aws-cdk-lib/aws-ec2';
import { StringParameter } from 'aws-cdk-lib/aws-ssm';
import { runbookParagraphs } from '../../../infra/stacks/alarms.ts';
import { drainS, idleTimeoutS } from '../../../infra/stacks/balancer.ts';
import { deployment as deployed, hostClasses } from '../../../infra/stacks/regions.ts';
import { figures, hostGroupPrefix, ingest, queues, topics } from '../../../src/base/names.ts';
import { batchesKeptDays, batchPrefixes } from '../../../src/ingest/batch-name.ts';
import { tableDefinitions } from '../../../src/management/tables.ts';
import { temporaryFolder } from '../../servers.ts';
import { callsOf, modulesOf, root } from './aws-calls.ts';
import { deploymentOf, regionOf, type Synthesis, synthesise } from './synthesis.ts';

const names = ['eu-west-1', 'us-east-1', 'us-west-1', 'ap-southeast-2'];
const one = synthesise(deploymentOf(regionOf('eu-west-1', 1)));
const four = synthesise(deploymentOf(...names.map(regionOf)));
const home = four.templates.get('tsg-global')!;
const region = four.templates.get('tsg-us-east-1')!;

/** Every resource of the type has these properties, and there are so many. */
function every(template: Template, type: string, count: number, properties: object): void {
  template.resourceCountIs(type, count);
  template.allResourcesProperties(type, properties);
}

function some(template: Template, type: string, count: number, properties: object): void {
  template.resourcePropertiesCountIs(type, Match.objectLike(properties), count);
}

type Check = readonly [title: string, check: () => void];

function checks(...table: readonly Check[]): void {
  for (const [title, check] of table) test(title, check);
}

const like = Match.objectLike;
const among = Match.arrayWith;
const tag = (key: string, value: unknown) => ({ Key: key, Value: value });
const attribute = (Key: string, Value: string) => ({ Key, Value });

for (const [count, { findings, missing }] of [
  [1, one],
  [4, four],
] as readonly (readonly [number, Synthesis])[]) {
  test(`${count}: nothing is found that was not explained, and nothing would have to be looked up`, () => {
    assert.deepEqual(findings, []);
    assert.deepEqual(missing, []);
  });
}

test('with an account, too, nothing is found', () => {
  assert.deepEqual(synthesise(deploymentOf(regionOf('eu-west-1', 1)), '123456789012').findings, []);
});

test('every acknowledgement is needed', () => {
  assert.deepEqual(
    [...four.acknowledged].filter((rule) => !four.needed.has(rule)),
    [],
  );
});

test('stacks know each other by name alone, and zones are real ones', () => {
  assert.deepEqual(lookedUp(four), []);
  assert.equal(four.templates.size, 5);
});

/** Of a stack that does what ours may not; each has its own way of asking AWS when it is synthesised or deployed. */
const asking: readonly (readonly [title: string, env: Environment, make: (stack: Stack) => void])[] = [
  ['zones by lookup', { account: '123456789012', region: 'eu-west-1' }, (stack) => new Vpc(stack, 'Vpc')],
  ['zones that CloudFormation chooses', {}, (stack) => new Vpc(stack, 'Vpc')],
  [
    'a network by lookup',
    { account: '123456789012', region: 'eu-west-1' },
    (stack) => Vpc.fromLookup(stack, 'Vpc', { vpcId: 'vpc-1' }),
  ],
  [
    'a parameter by lookup',
    { account: '123456789012', region: 'eu-west-1' },
    (stack) => new CfnOutput(stack, 'Out', { value: StringParameter.valueFromLookup(stack, '/a') }),
  ],
  ['an export', {}, (stack) => new CfnOutput(stack, 'Out', { value: 'a', exportName: 'a' })],
];

for (const [title, env, make] of asking)
  test(`control: ${title} would be seen`, (t) => {
    const { path, remove } = temporaryFolder();
    t.after(remove);
    const app = new App({ outdir: path });
    const stack = new Stack(app, 'stack', { env });
    // CDK warns of stacks that have nothing.
    new CfnWaitConditionHandle(stack, 'Something');
    make(stack);
    const { stacks, manifest } = app.synth();
    const templates = new Map(stacks.map(({ stackName, template }) => [stackName, Template.fromJSON(template)]));
    assert.notDeepEqual(lookedUp({ templates, missing: manifest.missing ?? [] }), []);
  });

/** What CDK asked AWS for, made up in place of an answer, or leaves to CloudFormation or another stack. */
function lookedUp({ templates, missing }: Pick<Synthesis, 'templates' | 'missing'>): string[] {
  const wrong = ['dummy', 'Fn::ImportValue', 'Fn::GetAZs', 'Custom::CrossRegion', '"Export"', 'vpc-12345'];
  const found = [...templates].flatMap(([name, template]) => {
    const text = JSON.stringify(template.toJSON());
    return wrong.filter((each) => text.includes(each)).map((each) => `${name}: ${each}`);
  });
  return [...found, ...missing.map((each) => JSON.stringify(each))];
}

checks(
  [
    'home: tables, as management defines them',
    () => {
      every(home, 'AWS::DynamoDB::GlobalTable', tableDefinitions.length, {
        BillingMode: 'PAY_PER_REQUEST',
        SSESpecification: { SSEEnabled: true, SSEType: 'KMS' },
        Replicas: Match.arrayWith(
          ['eu-central-1', 'eu-west-1'].map((Region) =>
            like({
              Region,
              DeletionProtectionEnabled: true,
              PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
            }),
          ),
        ),
      });
      for (const { name, key, indexes, timeToLive } of tableDefinitions)
        some(home, 'AWS::DynamoDB::GlobalTable', 1, {
          TableName: name,
          KeySchema: among([{ AttributeName: key.partition, KeyType: 'HASH' }]),
          ...(timeToLive !== undefined && { TimeToLiveSpecification: { AttributeName: timeToLive, Enabled: true } }),
          ...(Object.keys(indexes).length > 0 && {
            GlobalSecondaryIndexes: among(Object.keys(indexes).map((IndexName) => like({ IndexName }))),
          }),
        });
      for (const table of Object.values(home.findResources('AWS::DynamoDB::GlobalTable')))
        assert.equal(table['DeletionPolicy'], 'Retain');
    },
  ],
  ['home: the topic of changes', () => some(home, 'AWS::SNS::Topic', 1, { TopicName: topics.changes })],
  [
    'home: what cannot be delivered to a region',
    () => {
      for (const name of names)
        some(home, 'AWS::SQS::Queue', 1, { QueueName: `tsg-feed-undelivered-${name}`, SqsManagedSseEnabled: true });
      some(home, 'AWS::CloudWatch::Alarm', names.length, { AlarmDescription: Match.stringLikeRegexp('#replication$') });
    },
  ],
  [
    'home: images are replicated',
    () => {
      every(home, 'AWS::ECR::Repository', 1, { ImageTagMutability: 'IMMUTABLE', RepositoryName: 'tsg' });
      const destinations = names.slice(1).map((Region) => like({ Region }));
      every(home, 'AWS::ECR::ReplicationConfiguration', 1, {
        ReplicationConfiguration: { Rules: [like({ Destinations: destinations })] },
      });
      one.templates.get('tsg-global')!.resourceCountIs('AWS::ECR::ReplicationConfiguration', 0);
    },
  ],
  [
    'home: the domain, which outlives the stack',
    () => {
      every(home, 'AWS::Route53::HostedZone', 1, { Name: 'tsg.test.' });
      home.hasResource('AWS::Route53::HostedZone', { DeletionPolicy: 'Retain', UpdateReplacePolicy: 'Retain' });
    },
  ],
);

checks(
  [
    'network: two zones, with a NAT each',
    () => {
      region.resourceCountIs('AWS::EC2::NatGateway', 2);
      for (const AvailabilityZone of ['us-east-1a', 'us-east-1b'])
        some(region, 'AWS::EC2::Subnet', 2, { AvailabilityZone, MapPublicIpOnLaunch: false });
    },
  ],
  [
    'network: gateways for S3 and DynamoDB, endpoints for the others',
    () => {
      some(region, 'AWS::EC2::VPCEndpoint', 2, { VpcEndpointType: 'Gateway' });
      for (const service of ['sqs', 'ecr.api', 'ecr.dkr', 'ssm', 'ssmmessages', 'ec2messages', 'secretsmanager'])
        some(region, 'AWS::EC2::VPCEndpoint', 1, {
          ServiceName: `com.amazonaws.us-east-1.${service}`,
          VpcEndpointType: 'Interface',
          PrivateDnsEnabled: true,
        });
    },
  ],
  [
    'network: only API nodes and workers reach databases, only workers the agent',
    () => {
      const rules = ingress('Hosts');
      assert.deepEqual(rules.toSorted(), [
        'NetworkApi 32768-60999',
        'NetworkWorkers 32768-60999',
        'NetworkWorkers 9000-9000',
      ]);
      assert.deepEqual(ingress('Cache').toSorted(), ['NetworkApi 6379-6379', 'NetworkWorkers 6379-6379']);
      assert.deepEqual(ingress('Api'), ['NetworkBalancer 8080-8080']);
      assert.deepEqual(ingress('Workers'), []);
    },
  ],
  [
    'balancer: TLS 1.2 or later, HTTP is redirected',
    () => {
      some(region, 'AWS::ElasticLoadBalancingV2::Listener', 1, {
        Port: 443,
        Protocol: 'HTTPS',
        SslPolicy: 'ELBSecurityPolicy-TLS13-1-2-Res-2021-06',
      });
      some(region, 'AWS::ElasticLoadBalancingV2::Listener', 1, {
        Port: 80,
        DefaultActions: [like({ Type: 'redirect', RedirectConfig: like({ Protocol: 'HTTPS', Port: '443' }) })],
      });
      some(region, 'AWS::CertificateManager::Certificate', 1, {
        DomainName: 'us-east-1-api.tsg.test',
        ValidationMethod: 'DNS',
      });
    },
  ],
  [
    'balancer: access logs, protection, 60 s',
    () => {
      const attributes = [
        attribute('access_logs.s3.enabled', 'true'),
        attribute('deletion_protection.enabled', 'true'),
        attribute('idle_timeout.timeout_seconds', '60'),
        attribute('routing.http.drop_invalid_header_fields.enabled', 'true'),
      ];
      every(region, 'AWS::ElasticLoadBalancingV2::LoadBalancer', 1, { Scheme: 'internet-facing' });
      for (const each of attributes)
        some(region, 'AWS::ElasticLoadBalancingV2::LoadBalancer', 1, { LoadBalancerAttributes: among([each]) });
    },
  ],
  [
    'balancer: liveness for nodes, so that a home region that is away ends none of them',
    () =>
      every(region, 'AWS::ElasticLoadBalancingV2::TargetGroup', 1, {
        HealthCheckPath: '/health',
        TargetGroupAttributes: among([attribute('deregistration_delay.timeout_seconds', String(drainS))]),
      }),
  ],
  [
    'balancer: nodes keep connections longer than it does',
    () => {
      assert.equal(idleTimeoutS, 60);
      const server = readFileSync(join(import.meta.dirname, '../../../src/server.ts'), 'utf8');
      assert.match(server, /keepAliveTimeoutMs = 75_000;/);
      assert.match(server, /headersTimeoutMs = 80_000;/);
    },
  ],
  [
    'firewall: a rate by address, and no rule that reads bodies',
    () => {
      every(region, 'AWS::WAFv2::WebACL', 1, {
        Scope: 'REGIONAL',
        Rules: [
          like({
            Statement: { RateBasedStatement: { AggregateKeyType: 'IP', Limit: Match.anyValue() } },
            Action: { Block: { CustomResponse: like({ ResponseCode: 429 }) } },
          }),
        ],
      });
      region.resourceCountIs('AWS::WAFv2::WebACLAssociation', 1);
      const [dashboard] = Object.values(region.findResources('AWS::CloudWatch::Dashboard'));
      assert.match(JSON.stringify(dashboard), /WebACL[\\",]+tsg-firewall\\/);
    },
  ],
  [
    'address: <region>-api.<domain>, with a health check',
    () => {
      every(region, 'AWS::Route53::RecordSet', 1, {
        Name: 'us-east-1-api.tsg.test',
        Type: 'A',
        HealthCheckId: Match.anyValue(),
        AliasTarget: like({ EvaluateTargetHealth: true }),
      });
      every(region, 'AWS::Route53::HealthCheck', 1, {
        HealthCheckConfig: like({ Type: 'HTTPS', ResourcePath: '/ready' }),
      });
    },
  ],
  [
    'cache: of each zone one node, by TLS and a password',
    () => {
      every(region, 'AWS::ElastiCache::ReplicationGroup', 2, {
        NumCacheClusters: 1,
        AutomaticFailoverEnabled: false,
        TransitEncryptionEnabled: true,
        TransitEncryptionMode: 'required',
        AtRestEncryptionEnabled: true,
        AuthToken: Match.anyValue(),
      });
      for (const zone of ['us-east-1a', 'us-east-1b'])
        some(region, 'AWS::ElastiCache::ReplicationGroup', 1, {
          ReplicationGroupId: `tsg-${zone}`,
          PreferredCacheClusterAZs: [zone],
        });
    },
  ],
);

checks(
  [
    'queues: each with dead letters, encrypted, by TLS only',
    () => {
      every(region, 'AWS::SQS::Queue', 7, { SqsManagedSseEnabled: true });
      for (const QueueName of [queues.tasks, queues.bulk, queues.feed])
        some(region, 'AWS::SQS::Queue', 1, { QueueName, RedrivePolicy: like({ maxReceiveCount: Match.anyValue() }) });
      some(region, 'AWS::SQS::Queue', 2, { FifoQueue: true });
      some(region, 'AWS::SQS::Queue', 1, {
        QueueName: ingest.queue,
        RedrivePolicy: like({ maxReceiveCount: ingest.maxReceives }),
      });
      some(region, 'AWS::SQS::QueuePolicy', 7, {
        PolicyDocument: like({
          Statement: among([like({ Effect: 'Deny', Condition: { Bool: { 'aws:SecureTransport': 'false' } } })]),
        }),
      });
    },
  ],
  [
    'queues: home publishes to the queue of changes, and keeps what cannot be delivered',
    () => {
      const topicArn = { 'Fn::Join': ['', among([Match.stringLikeRegexp(`:${topics.changes}$`)])] };
      some(region, 'AWS::SQS::QueuePolicy', 1, {
        PolicyDocument: like({
          Statement: among([
            like({
              Effect: 'Allow',
              Principal: { Service: 'sns.amazonaws.com' },
              Condition: { ArnEquals: { 'aws:SourceArn': topicArn } },
            }),
          ]),
        }),
      });
      some(region, 'AWS::SNS::Subscription', 1, {
        TopicArn: topicArn,
        Region: 'eu-west-1',
        RawMessageDelivery: true,
        RedrivePolicy: {
          deadLetterTargetArn: {
            'Fn::Join': ['', among([Match.stringLikeRegexp(':tsg-feed-undelivered-us-east-1$')])],
          },
        },
      });
    },
  ],
  [
    'queues: queued writes are in order',
    () => {
      some(region, 'AWS::SNS::Topic', 1, {
        TopicName: ingest.topic,
        FifoTopic: true,
        FifoThroughputScope: 'MessageGroup',
      });
      some(region, 'AWS::SQS::Queue', 1, {
        QueueName: ingest.queue,
        DeduplicationScope: 'messageGroup',
        FifoThroughputLimit: 'perMessageGroupId',
        VisibilityTimeout: ingest.visibilityS,
      });
      some(region, 'AWS::SNS::Subscription', 1, {
        RawMessageDelivery: true,
        RedrivePolicy: like({ deadLetterTargetArn: Match.anyValue() }),
        Region: Match.absent(),
        Protocol: 'sqs',
      });
    },
  ],
  [
    'operators: CloudWatch may tell them',
    () => {
      for (const template of [home, region])
        some(template, 'AWS::SNS::TopicPolicy', 1, {
          PolicyDocument: like({
            Statement: among([like({ Effect: 'Allow', Principal: { Service: 'cloudwatch.amazonaws.com' } })]),
          }),
        });
    },
  ],
  [
    'objects: private, encrypted, by TLS only, and they go',
    () => {
      every(region, 'AWS::S3::Bucket', 2, {
        BucketEncryption: Match.anyValue(),
        PublicAccessBlockConfiguration: {
          BlockPublicAcls: true,
          BlockPublicPolicy: true,
          IgnorePublicAcls: true,
          RestrictPublicBuckets: true,
        },
        LifecycleConfiguration: Match.anyValue(),
      });
      const rules = [
        { NoncurrentVersionExpiration: { NoncurrentDays: 14 }, ExpiredObjectDeleteMarker: true },
        { Prefix: 'exports/' },
        { Prefix: 'imports/' },
        ...Object.values(batchPrefixes).map((Prefix) => ({
          Prefix,
          ExpirationInDays: batchesKeptDays + 1,
          NoncurrentVersionExpiration: { NoncurrentDays: 1 },
        })),
      ].map((rule) => like({ ...rule, Status: 'Enabled' }));
      some(region, 'AWS::S3::Bucket', 1, { LifecycleConfiguration: { Rules: among(rules) } });
      every(region, 'AWS::S3::BucketPolicy', 2, {
        PolicyDocument: like({
          Statement: among([like({ Effect: 'Deny', Condition: { Bool: { 'aws:SecureTransport': 'false' } } })]),
        }),
      });
    },
  ],
);

const everyNode = { HttpTokens: 'required', HttpPutResponseHopLimit: 1 };
const group = (id: string) => region.findResources('AWS::AutoScaling::AutoScalingGroup')[id]!;
const slot = Object.entries(region.findResources('AWS::AutoScaling::AutoScalingGroup')).find(([id]) =>
  id.startsWith('Hosts'),
)![1];

checks(
  [
    'instances: IMDSv2, encrypted, no SSH',
    () => {
      every(region, 'AWS::EC2::LaunchTemplate', 3, {
        LaunchTemplateData: like({
          MetadataOptions: like(everyNode),
          KeyName: Match.absent(),
          BlockDeviceMappings: [like({ Ebs: like({ Encrypted: true }) })],
        }),
      });
    },
  ],
  [
    'instances: another image is another launch template, for API nodes and workers',
    () => {
      for (const [id, { Properties }] of Object.entries(region.findResources('AWS::EC2::LaunchTemplate')))
        assert.equal(JSON.stringify(Properties).includes('"ImageDigest"'), !id.startsWith('Hosts'), id);
      some(region, 'AWS::SSM::Parameter', 1, { Name: '/tsg/image/agent' });
    },
  ],
  [
    'instances: scripts run at every boot',
    () => {
      const text = JSON.stringify(region.findResources('AWS::EC2::LaunchTemplate'));
      assert.equal(text.match(/\[scripts-user, always\]/g)?.length, 3);
    },
  ],
  [
    'instances: user data fits',
    () => {
      for (const { Properties } of Object.values(region.findResources('AWS::EC2::LaunchTemplate')))
        assert.ok(JSON.stringify(Properties.LaunchTemplateData.UserData).length < 16_384);
    },
  ],
  [
    'fleets: over the zones, replaced one by one when the one before serves',
    () => {
      for (const id of ['ApiGroup', 'WorkersGroup']) {
        const { Properties, UpdatePolicy, CreationPolicy, DependsOn } = group(id);
        assert.equal(Properties.VPCZoneIdentifier.length, 2);
        assert.equal(CreationPolicy.ResourceSignal.Count, 2);
        const { MaxBatchSize, MinInstancesInService, WaitOnResourceSignals } = UpdatePolicy.AutoScalingRollingUpdate;
        assert.deepEqual([MaxBatchSize, MinInstancesInService, WaitOnResourceSignals], [1, 2, true]);
        // Neither permissions nor the way out of the network may come later.
        assert.ok(DependsOn.some((each: string) => each.includes('DefaultPolicy')));
        assert.ok(DependsOn.some((each: string) => /private.*DefaultRoute/.test(each)));
      }
      assert.equal(group('ApiGroup').Properties.HealthCheckType, 'ELB');
      region.resourceCountIs('AWS::AutoScaling::LifecycleHook', 0);
    },
  ],
  [
    'fleets: API nodes by processors and requests, workers by messages for each',
    () => {
      for (const type of ['ASGAverageCPUUtilization', 'ALBRequestCountPerTarget'])
        some(region, 'AWS::AutoScaling::ScalingPolicy', 1, {
          TargetTrackingConfiguration: like({ PredefinedMetricSpecification: like({ PredefinedMetricType: type }) }),
        });
      some(region, 'AWS::AutoScaling::ScalingPolicy', 1, {
        TargetTrackingConfiguration: like({
          CustomizedMetricSpecification: {
            Metrics: among([like({ Expression: Match.stringLikeRegexp('workers'), ReturnData: true })]),
          },
        }),
      });
    },
  ],
  [
    'slots: a group of at most one in one zone, which no deployment replaces',
    () => {
      const { MinSize, MaxSize, DesiredCapacity, VPCZoneIdentifier, AutoScalingGroupName } = slot.Properties;
      assert.deepEqual([MinSize, MaxSize, DesiredCapacity, VPCZoneIdentifier.length], ['0', '1', undefined, 1]);
      assert.equal(AutoScalingGroupName, `${hostGroupPrefix}us-east-1a-0`);
      assert.equal(slot['UpdatePolicy'], undefined);
    },
  ],
  [
    'slots: volumes outlive everything, in the zone of the slot',
    () => {
      const { volumes, volumeGib, volumeIops, volumeMibPerS } = hostClasses.standard;
      every(region, 'AWS::EC2::Volume', volumes, {
        AvailabilityZone: 'us-east-1a',
        VolumeType: 'gp3',
        Encrypted: true,
        Size: volumeGib,
        Iops: volumeIops,
        Throughput: volumeMibPerS,
        Tags: among([tag('tsg:hosts-of', { Ref: 'AWS::StackName' })]),
      });
      for (const volume of Object.values(region.findResources('AWS::EC2::Volume')))
        assert.deepEqual([volume['DeletionPolicy'], volume['UpdateReplacePolicy']], ['Retain', 'Retain']);
    },
  ],
);

test('host classes: the instance carries its volumes, and leaves half of its memory for the page cache', () => {
  for (const each of Object.values(hostClasses)) {
    const { volumes, volumeMibPerS, volumeIops, volumeGib, ebsBaselineMbitPerS } = each;
    assert.ok((volumes * volumeMibPerS * 1024 ** 2 * 8) / 1e6 <= ebsBaselineMbitPerS);
    assert.ok(each.databases * each.memoryMibPerDatabase * 2 <= each.memoryMib);
    // What gp3 gives.
    assert.ok(volumeMibPerS <= volumeIops * 0.25 && volumeIops <= volumeGib * 500);
  }
});

test('regions: zones are theirs, slots are in them, networks differ', () => {
  for (const { name, zones, slots, api, workers } of deployed.regions) {
    for (const zone of zones) assert.match(zone, new RegExp(`^${name}[a-z]$`));
    for (const { zone } of slots) assert.ok(zones.includes(zone));
    // A rolling update takes one out while `min` go on.
    for (const { min, max } of [api, workers]) assert.ok(min >= 2 && max > min);
  }
  assert.equal(new Set(deployed.regions.map(({ cidr }) => cidr)).size, deployed.regions.length);
  assert.notEqual(deployed.homeRegion, deployed.standbyRegion);
});

test('alarms: each leads to a paragraph of the runbook, and tells somebody', () => {
  const runbook = readFileSync(join(import.meta.dirname, '../../../infra/RUNBOOK.md'), 'utf8');
  const anchors = [...runbook.matchAll(/^#{2,3} (.+)$/gm)].map(([, title]) =>
    title!.toLowerCase().replaceAll(' ', '-'),
  );
  const named = new Set<string>();
  for (const { Properties } of [home, region].flatMap((each) =>
    Object.values(each.findResources('AWS::CloudWatch::Alarm')),
  )) {
    const anchor = /infra\/RUNBOOK\.md#([\w-]+)$/.exec(Properties.AlarmDescription)?.[1];
    assert.ok(anchor !== undefined && anchors.includes(anchor), Properties.AlarmDescription);
    assert.equal(Properties.AlarmActions.length, 1);
    named.add(anchor);
  }
  assert.deepEqual([...named].toSorted(), [...runbookParagraphs].toSorted());
});

test('dashboard and alarms: figures have the names by which processes write them', () => {
  const { namespace, ...metrics } = figures;
  const [dashboard] = Object.values(region.findResources('AWS::CloudWatch::Dashboard'));
  for (const name of Object.values(metrics))
    assert.ok(JSON.stringify(dashboard).includes(`\\"${namespace}\\",\\"${name}\\"`), name);
  for (const MetricName of [
    metrics.replicationLag,
    metrics.journalSyncP99,
    metrics.freeSlots,
    metrics.freeVolume,
    metrics.canaryFailures,
  ])
    some(region, 'AWS::CloudWatch::Alarm', 1, { Namespace: namespace, MetricName });
  assert.match(JSON.stringify(dashboard), /Dead letters/);
});

/** The programs of each kind of instance; `ops` is run on workers. */
const programs = {
  Api: ['src/main.ts'],
  Workers: ['workers/main.ts', 'workers/replicator.ts', 'workers/canary.ts', 'infra/ops/main.ts'],
  Hosts: ['kdb/agent/main.ts'],
} as const;
/** In modules that agents load for other parts of them: reads of many entities, and accounts that have to be open. */
const notCalled: Readonly<Record<string, readonly string[]>> = {
  Hosts: ['dynamodb:BatchGetItem', 'dynamodb:ConditionCheckItem'],
};

for (const [kind, entryPoints] of Object.entries(programs))
  test(`permissions of ${kind}: what its programs call, and no more`, () => {
    const { actions, unknown } = callsOf(...entryPoints);
    assert.deepEqual(unknown, []);
    const called = [...actions].filter((action) => !notCalled[kind]?.includes(action));
    assert.deepEqual(granted(kind), called.toSorted());
  });

test('permissions, control: a call that nobody knows, and one that is not allowed, would be seen', (t) => {
  const { path, remove } = temporaryFolder();
  t.after(remove);
  const file = join(path, 'new.ts');
  writeFileSync(file, 'await sqs.send(new PurgeQueueCommand({}));\nawait dynamo.send(new DeleteCommand({}));\n');
  const { actions, unknown } = callsOf(relative(root, file));
  assert.deepEqual([...actions], ['dynamodb:DeleteItem']);
  assert.match(unknown.join(), /new\.ts: PurgeQueueCommand$/);
});

test('permissions: what sets a region up on one machine is called by no program of a region on AWS', () => {
  for (const [path, text] of modulesOf(Object.values(programs).flat()))
    assert.doesNotMatch(text, /^(?!export ).*\bensure(Tables|Queues|Topic|FeedQueue|IngestQueue)\(/m, path);
});

interface Statement {
  readonly Action: string | readonly string[];
  readonly Resource: unknown;
}

/** Of the services that programs call: whoever starts them calls others. */
function granted(kind: string): string[] {
  const policies = Object.entries(region.findResources('AWS::IAM::Policy'));
  const [, { Properties }] = policies.find(([id]) => id.startsWith(`${kind}IdentityRoleDefaultPolicy`))!;
  const statements: readonly Statement[] = Properties.PolicyDocument.Statement;
  // q's archive is for whoever starts the agent.
  const ofPrograms = statements.filter(({ Resource }) => !JSON.stringify(Resource).includes('private-bucket'));
  const actions = new Set(ofPrograms.flatMap(({ Action }) => Action));
  return [...actions].filter((action) => /^(dynamodb|sqs|sns|s3|autoscaling):/.test(action)).toSorted();
}

/** Whom a security group lets in: group and ports. */
function ingress(name: string): string[] {
  const rules = Object.values(region.findResources('AWS::EC2::SecurityGroupIngress')).map(
    ({ Properties }) => Properties,
  );
  const idOf = (value: { 'Fn::GetAtt': [string, string] }): string =>
    value['Fn::GetAtt'][0].replace(/[0-9A-F]{8}$/, '');
  return rules
    .filter(({ GroupId }) => idOf(GroupId) === `Network${name}`)
    .map((rule) => `${idOf(rule.SourceSecurityGroupId)} ${rule.FromPort}-${rule.ToPort}`);
}
