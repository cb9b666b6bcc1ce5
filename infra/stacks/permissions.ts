// What each kind of process may do: no more than its code calls.

import { ArnFormat, Aws, type Stack } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { hostGroupPrefix, ingest, queues, tables } from '../../src/base/names.ts';
import { tableDefinitions } from '../../src/management/tables.ts';
import { changesTopicArn } from './global-stack.ts';
import { ingestTopicArn } from './queues.ts';
import { agentImageParameter, imageRepository, objectsBucket } from './stack-names.ts';

export interface PermissionsProps {
  readonly stack: Stack;
  readonly region: string;
  readonly homeRegion: string;
  /** Of every region, for restores. */
  readonly regions: readonly string[];
  /** s3://bucket/key. */
  readonly qArchive: string | undefined;
}

const reads = ['GetItem', 'BatchGetItem', 'Query', 'ConditionCheckItem'];
const writes = ['PutItem', 'UpdateItem', 'DeleteItem'];
const uploads = ['PutObject', 'AbortMultipartUpload'];

/** Every instance starts so: it pulls its image. */
function startStatements({ stack, region }: PermissionsProps): PolicyStatement[] {
  const repository = stack.formatArn({ service: 'ecr', region, resource: 'repository', resourceName: imageRepository });
  return [
    allow(['ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer', 'ecr:BatchCheckLayerAvailability'], [repository]),
    // Has no resource.
    allow(['ecr:GetAuthorizationToken'], ['*']),
  ];
}

/** Of groups that the stack waits for. */
function signalStatement({ stack }: PermissionsProps): PolicyStatement {
  return allow(['cloudformation:SignalResource'], [stack.stackId]);
}

/** Everything but the past: what is in the audit stays as it was written. */
function managementStatements(props: PermissionsProps): PolicyStatement[] {
  const { audit, ...others } = tables;
  return [
    tableItems(props, Object.values(others), [...reads, ...writes]),
    tableItems(props, [audit], [...reads, 'PutItem']),
    allow(['sns:Publish'], [changesTopicArn(props.stack, props.homeRegion)]),
  ];
}

export function apiStatements(props: PermissionsProps): PolicyStatement[] {
  const { region } = props;
  return [
    ...startStatements(props),
    signalStatement(props),
    ...managementStatements(props),
    allow(
      ['sqs:SendMessage', 'sqs:GetQueueUrl', 'sqs:GetQueueAttributes'],
      [queueArn(props, queues.tasks), queueArn(props, queues.bulk)],
    ),
    // Batches that are written later, and what became of them.
    allow(['sns:Publish'], [ingestTopicArn(props.stack, region)]),
    ...objects([region], ['batches/*', 'queued/*'], ['GetObject', 'PutObject']),
    ...objects([region], ['outcomes/*'], ['GetObject']),
    // Parts of imports come through it; it signs links to exports, which its own permissions bound.
    ...objects([region], ['imports/*'], ['GetObject', ...uploads]),
    ...objects([region], ['exports/*'], ['GetObject']),
  ];
}

export function workerStatements(props: PermissionsProps): PolicyStatement[] {
  const { stack, region, regions } = props;
  const names = [...Object.values(queues), ingest.queue, ingest.dead].map((name) => queueArn(props, name));
  const groups = stack.formatArn({
    service: 'autoscaling',
    resource: 'autoScalingGroup',
    resourceName: `*:autoScalingGroupName/${hostGroupPrefix}*`,
    arnFormat: ArnFormat.COLON_RESOURCE_NAME,
  });
  return [
    ...startStatements(props),
    signalStatement(props),
    ...managementStatements(props),
    allow(
      [
        'sqs:ReceiveMessage',
        'sqs:DeleteMessage',
        'sqs:ChangeMessageVisibility',
        'sqs:SendMessage',
        'sqs:GetQueueUrl',
        'sqs:GetQueueAttributes',
      ],
      names,
    ),
    allow(['sns:Publish'], [ingestTopicArn(stack, region)]),
    ...objects([region], ['*'], ['GetObject', 'DeleteObject', 'ListMultipartUploadParts', ...uploads]),
    // A database may be restored from another region's backup.
    ...objects(
      regions.filter((name) => name !== region),
      ['backups/*', 'journal/*'],
      ['GetObject'],
    ),
    // `start-host`, and `hosts roll` of an operator.
    allow(['autoscaling:SetDesiredCapacity', 'autoscaling:TerminateInstanceInAutoScalingGroup'], [groups]),
    // Has no resource.
    allow(['autoscaling:DescribeAutoScalingGroups'], ['*']),
  ];
}

export function agentStatements(props: PermissionsProps): PolicyStatement[] {
  const { stack, region, qArchive } = props;
  const ofHosts = { StringEquals: { 'aws:ResourceTag/tsg:hosts-of': stack.stackName } };
  return [
    ...startStatements(props),
    allow(['ssm:GetParameter'], [stack.formatArn({ service: 'ssm', resource: `parameter${agentImageParameter}` })]),
    tableItems(props, [tables.hosts], ['Query', 'UpdateItem', 'DeleteItem']),
    // Where a database listens, and what its account stores: both with their events.
    tableItems(props, [tables.databases, tables.accounts], ['GetItem', 'Query', 'PutItem']),
    tableItems(props, [tables.outbox], ['PutItem', 'DeleteItem']),
    tableItems(props, [tables.audit], ['PutItem']),
    tableItems(props, [tables.usage], ['Query', 'UpdateItem', 'DeleteItem']),
    allow(['sns:Publish'], [changesTopicArn(stack, props.homeRegion)]),
    objectItems([region], ['journal/*'], ['PutObject', 'AbortMultipartUpload']),
    ...(qArchive === undefined ? [] : [allow(['s3:GetObject'], [`arn:${Aws.PARTITION}:s3:::${qArchive.slice(5)}`])]),
    new PolicyStatement({
      actions: ['ec2:AttachVolume'],
      resources: ['volume', 'instance'].map((resource) =>
        stack.formatArn({ service: 'ec2', resource, resourceName: '*' }),
      ),
      conditions: ofHosts,
    }),
    // Has no resource.
    allow(['ec2:DescribeVolumes'], ['*']),
  ];
}

function tableItems(
  { stack, homeRegion }: PermissionsProps,
  names: readonly string[],
  actions: readonly string[],
): PolicyStatement {
  const arn = (resourceName: string): string =>
    stack.formatArn({ service: 'dynamodb', region: homeRegion, resource: 'table', resourceName });
  return allow(
    actions.map((action) => `dynamodb:${action}`),
    names.flatMap((name) => [arn(name), ...indexesOf(name).map((index) => arn(`${name}/index/${index}`))]),
  );
}

function indexesOf(table: string): string[] {
  return Object.keys(tableDefinitions.find(({ name }) => name === table)!.indexes);
}

/** Without `ListBucket`, S3 says of an object that is not there that it is forbidden. */
function objects(
  regions: readonly string[],
  prefixes: readonly string[],
  actions: readonly string[],
): PolicyStatement[] {
  if (regions.length === 0) return [];
  return [objectItems(regions, prefixes, actions), allow(['s3:ListBucket'], regions.map(bucketArn))];
}

function objectItems(
  regions: readonly string[],
  prefixes: readonly string[],
  actions: readonly string[],
): PolicyStatement {
  return allow(
    actions.map((action) => `s3:${action}`),
    regions.flatMap((region) => prefixes.map((prefix) => `${bucketArn(region)}/${prefix}`)),
  );
}

function bucketArn(region: string): string {
  return `arn:${Aws.PARTITION}:s3:::${objectsBucket(Aws.ACCOUNT_ID, region)}`;
}

function queueArn({ stack, region }: PermissionsProps, resource: string): string {
  return stack.formatArn({ service: 'sqs', region, resource });
}

function allow(actions: string[], resources: string[]): PolicyStatement {
  return new PolicyStatement({ actions, resources });
}
