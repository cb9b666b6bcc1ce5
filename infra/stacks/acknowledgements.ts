// Findings of cdk-nag and of CDK's own rules that are as they should be, and why.

import { type App, Validations } from 'aws-cdk-lib';
import { hostGroupPrefix } from '../../src/base/names.ts';
import type { Deployment } from './regions.ts';
import { objectsBucket } from './stack-names.ts';

/** How findings write what is known only when it is deployed. */
const placeholders = { partition: '<AWS::Partition>', account: '<AWS::AccountId>' };

const everywhere: Readonly<Record<string, string>> = {
  W3010: 'Zones are named, never looked up: volumes and slots belong to one, and accounts see different ones.',
  AEC4: 'One node for each zone is the design: a cache without a copy, whose API nodes share its zone.',
  EC23: 'It is the load balancer, which serves HTTPS to everybody and redirects HTTP.',
  [`IAM4[Policy::arn:${placeholders.partition}:iam::aws:policy/AmazonSSMManagedInstanceCore]`]:
    'AWS keeps the list of what Session Manager needs; it grants nothing on data of ours.',
  SQS3: 'These are dead letters themselves, with an alarm on the first one.',
  SMG4: 'Rotation needs both sides at once: infra/RUNBOOK.md#leaked-token says how each is changed.',
  'IAM5[Resource::*]':
    'These calls take no resource: ecr:GetAuthorizationToken, autoscaling:DescribeAutoScalingGroups, ec2:DescribeVolumes.',
};

export function acknowledge(app: App, deployment: Deployment, account: string | undefined): void {
  const rules = [...Object.entries(everywhere), ...namesMadeLater(deployment, account ?? placeholders.account)];
  // cdk-nag's are below its own name.
  const id = (rule: string): string =>
    rule.startsWith('W') ? `CloudFormation-Validate::${rule}` : `AwsSolutions::AwsSolutions-${rule}`;
  Validations.of(app).acknowledge(...rules.map(([rule, reason]) => ({ id: id(rule), reason })));
}

/** Permissions on names that are made while the service runs. */
function namesMadeLater({ regions }: Deployment, account: string): [string, string][] {
  const wildcard = (resource: string, reason: string): [string, string] => [`IAM5[Resource::${resource}]`, reason];
  return regions.flatMap(({ name }) => [
    ...['*', 'backups/*', 'journal/*', 'imports/*', 'exports/*', 'batches/*', 'queued/*', 'outcomes/*'].map((keys) =>
      wildcard(
        `arn:${placeholders.partition}:s3:::${objectsBucket(placeholders.account, name)}/${keys}`,
        'Keys of objects are made while the service runs; each kind of process has its prefixes.',
      ),
    ),
    wildcard(
      `arn:${placeholders.partition}:autoscaling:${name}:${account}:autoScalingGroup:*:autoScalingGroupName/${hostGroupPrefix}*`,
      "The region's slots; their ARNs hold an id that is made with them.",
    ),
    ...['volume', 'instance'].map((kind) =>
      wildcard(
        `arn:${placeholders.partition}:ec2:${name}:${account}:${kind}/*`,
        "Only what has this stack's tag, which the statement's condition asks for.",
      ),
    ),
  ]);
}
