// What each kind of process may do: no more than its code calls.

import { ArnFormat, Aws, type Stack } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { ingest, queues, tables } from '../../src/base/names.ts';
import { tableDefinitions } from '../../src/management/tables.ts';
import { changesTopicArn } from './global-stack.ts';
import { imageParameter, imageRepository, objectsBucket } from './stack-names.ts';

export type ProcessKind = 'api' | 'worker' | 'agent';

export interface PermissionsProps {
  readonly stack: Stack;
  readonly region: string;
  readonly homeRegion: string;
  /** Of every region, for restores. */
  readonly regions: readonly string[];
}

const items = {
  read: ['GetItem', 'BatchGetItem', 'Query', 'ConditionCheckItem', 'DescribeTable'],
  write: ['PutItem', 'UpdateItem', 'DeleteItem'],
};

/** Every process starts so: it reads its settings, pulls its image, and writes its log. */
function startStatements(process: ProcessKind, { stack, region }: PermissionsProps): PolicyStatement[] {
  const repository = stack.formatArn({ service: 'ecr', region, resource: 'repository', resourceName: imageRepository });
  return [
    allow(
      ['ssm:GetParameter'],
      [stack.formatArn({ service: 'ssm', region, resource: `parameter${imageParameter(process)}` })],
    ),
    allow(['ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer', 'ecr:BatchCheckLayerAvailability'], [repository]),
    // Has no resource.
    allow(['ecr:GetAuthorizationToken'], ['*']),
    allow(['cloudformation:SignalResource'], [stack.stackId]),
  ];
}

export function apiStatements(props: PermissionsProps): PolicyStatement[] {
  const { region } = props;
  return [
    ...startStatements('api', props),
    tableItems(props, Object.values(tables), [...items.read, ...items.write]),
    allow(['sns:Publish'], [changesTopicArn(props.stack, props.homeRegion), topicArn(props, ingest.topic)]),
    allow(
      ['sqs:SendMessage', 'sqs:GetQueueUrl', 'sqs:GetQueueAttributes'],
      [queueArn(props, queues.tasks), queueArn(props, queues.bulk)],
    ),
    ...objects(
      [region],
      ['imports/*', 'exports/*', 'batches/*'],
      ['GetObject', 'PutObject', 'DeleteObject', 'AbortMultipartUpload', 'ListMultipartUploadParts'],
    ),
  ];
}

export function workerStatements(props: PermissionsProps): PolicyStatement[] {
  const { stack, region, regions } = props;
  const names = [...Object.values(queues), ingest.queue, ingest.dead].map((name) => queueArn(props, name));
  const groups = stack.formatArn({
    service: 'autoscaling',
    resource: 'autoScalingGroup',
    resourceName: '*:autoScalingGroupName/tsg-host-*',
    arnFormat: ArnFormat.COLON_RESOURCE_NAME,
  });
  return [
    ...startStatements('worker', props),
    tableItems(props, Object.values(tables), [...items.read, ...items.write]),
    allow(['sns:Publish'], [changesTopicArn(stack, props.homeRegion), topicArn(props, ingest.topic)]),
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
    ...objects(
      [region],
      ['*'],
      ['GetObject', 'PutObject', 'DeleteObject', 'AbortMultipartUpload', 'ListMultipartUploadParts'],
    ),
    // A database may be restored from another region's backup.
    ...objects(
      regions.filter((name) => name !== region),
      ['backups/*', 'journal/*'],
      ['GetObject'],
    ),
    allow(['autoscaling:SetDesiredCapacity'], [groups]),
    // Has no resource.
    allow(['autoscaling:DescribeAutoScalingGroups'], ['*']),
  ];
}

export function agentStatements(props: PermissionsProps): PolicyStatement[] {
  const { stack, region } = props;
  const tagged = { StringEquals: { 'aws:ResourceTag/tsg:stack': stack.stackName } };
  return [
    ...startStatements('agent', props),
    tableItems(props, [tables.hosts, tables.databases, tables.accounts], [...items.read, 'PutItem', 'UpdateItem']),
    tableItems(props, [tables.usage], ['UpdateItem', 'PutItem']),
    allow(['sns:Publish'], [changesTopicArn(stack, props.homeRegion)]),
    ...objects([region], ['journal/*'], ['GetObject', 'PutObject', 'DeleteObject']),
    new PolicyStatement({
      actions: ['ec2:AttachVolume'],
      resources: ['volume', 'instance'].map((resource) =>
        stack.formatArn({ service: 'ec2', resource, resourceName: '*' }),
      ),
      conditions: tagged,
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

function objects(
  regions: readonly string[],
  prefixes: readonly string[],
  actions: readonly string[],
): PolicyStatement[] {
  if (regions.length === 0) return [];
  const buckets = regions.map((region) => `arn:${Aws.PARTITION}:s3:::${objectsBucket(Aws.ACCOUNT_ID, region)}`);
  return [
    allow(
      actions.map((action) => `s3:${action}`),
      buckets.flatMap((bucket) => prefixes.map((prefix) => `${bucket}/${prefix}`)),
    ),
    allow(['s3:ListBucket', 's3:ListBucketMultipartUploads'], buckets),
  ];
}

function queueArn({ stack, region }: PermissionsProps, resource: string): string {
  return stack.formatArn({ service: 'sqs', region, resource });
}

function topicArn({ stack, region }: PermissionsProps, resource: string): string {
  return stack.formatArn({ service: 'sns', region, resource });
}

function allow(actions: string[], resources: string[]): PolicyStatement {
  return new PolicyStatement({ actions, resources });
}
