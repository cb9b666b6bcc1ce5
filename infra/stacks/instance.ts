// An instance that runs programs of the image: how it starts, and as whom.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  AmazonLinuxCpuType,
  BlockDeviceVolume,
  EbsDeviceVolumeType,
  InstanceType,
  type ISecurityGroup,
  LaunchTemplate,
  LaunchTemplateHttpTokens,
  MachineImage,
  UserData,
} from 'aws-cdk-lib/aws-ec2';
import { ManagedPolicy, type PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import { Construct, type IConstruct } from 'constructs';
import type { Network } from './network.ts';
import type { Variables } from './processes.ts';

export interface IdentityProps {
  readonly statements: readonly PolicyStatement[];
  /** Read when an instance starts. */
  readonly secrets: readonly ISecret[];
  readonly logGroup: string;
}

/** Who the instances of one kind are, and where their programs' lines go. */
export class Identity extends Construct {
  readonly role: Role;
  readonly logGroup: string;

  constructor(scope: Construct, id: string, { statements, secrets, logGroup }: IdentityProps) {
    super(scope, id);
    this.logGroup = logGroup;
    this.role = new Role(this, 'Role', {
      assumedBy: new ServicePrincipal('ec2.amazonaws.com'),
      // Sessions by SSM instead of SSH.
      managedPolicies: [ManagedPolicy.fromAwsManagedPolicyName('AmazonSSMManagedInstanceCore')],
    });
    for (const statement of statements) this.role.addToPolicy(statement);
    for (const secret of secrets) secret.grantRead(this.role);
    const logs = new LogGroup(this, 'Logs', { logGroupName: logGroup, retention: RetentionDays.ONE_MONTH });
    logs.grantWrite(this.role);
  }
}

export interface LaunchProps {
  readonly identity: Identity;
  readonly instanceType: string;
  readonly securityGroup: ISecurityGroup;
  /** user-data/*.sh, in this order. */
  readonly scripts: readonly string[];
  /** What the scripts are told. */
  readonly settings: Variables;
  /** Of the programs: a file that is theirs. */
  readonly environment: Variables;
}

export function launchTemplate(scope: Construct, id: string, props: LaunchProps): LaunchTemplate {
  const { identity, securityGroup, scripts, environment } = props;
  const instanceType = new InstanceType(props.instanceType);
  const settings = { ...props.settings, LOG_GROUP: identity.logGroup };
  return new LaunchTemplate(scope, id, {
    instanceType,
    machineImage: MachineImage.latestAmazonLinux2023({
      cpuType: instanceType.architecture === 'arm64' ? AmazonLinuxCpuType.ARM_64 : AmazonLinuxCpuType.X86_64,
    }),
    securityGroup,
    role: identity.role,
    userData: UserData.custom(userData(settings, environment, scripts)),
    // Containers share the instance's network, so that one hop is enough.
    httpTokens: LaunchTemplateHttpTokens.REQUIRED,
    httpPutResponseHopLimit: 1,
    detailedMonitoring: true,
    blockDevices: [
      {
        deviceName: '/dev/xvda',
        volume: BlockDeviceVolume.ebs(30, { encrypted: true, volumeType: EbsDeviceVolumeType.GP3 }),
      },
    ],
  });
}

/** What an instance needs while it starts, and CloudFormation does not see: its permissions, and the way out of the network. */
export function startsAfter(group: IConstruct, identity: Identity, network: Network): void {
  group.node.addDependency(
    identity,
    ...network.vpc.privateSubnets.map(({ internetConnectivityEstablished }) => internetConnectivityEstablished),
  );
}

/** cloud-init runs scripts at the first boot alone: the first part changes that, since what is told to programs is in memory, and mounts are gone. */
const everyBoot = `Content-Type: multipart/mixed; boundary="//"
MIME-Version: 1.0

--//
Content-Type: text/cloud-config; charset="utf-8"

#cloud-config
cloud_final_modules:
- [scripts-user, always]

--//
Content-Type: text/x-shellscript; charset="utf-8"
`;

/** The settings, the programs' environment as a file, and the scripts. */
function userData(settings: Variables, environment: Variables, scripts: readonly string[]): string {
  const told = Object.entries(settings).map(([name, value]) => `${name}='${value}'`);
  const programs = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
  return [
    everyBoot,
    '#!/bin/bash',
    ...told,
    'install -d -m 0700 /run/tsg',
    "cat > /run/tsg/environment <<'ENVIRONMENT'",
    ...programs,
    'ENVIRONMENT',
    ...scripts.map((name) => readFileSync(join(import.meta.dirname, 'user-data', name), 'utf8')),
    '--//--',
  ].join('\n');
}
