// Places for database hosts. A slot is a group of at most one instance in one zone, and volumes that are the slot's: an instance that is lost is
// replaced by one that finds the same data. An acknowledged point is on one volume in one zone, until its journal is in the object store (60 s).

import { Aws, Duration, RemovalPolicy, Size, type Stack, Tags } from 'aws-cdk-lib';
import { AutoScalingGroup, type CfnAutoScalingGroup, GroupMetrics, HealthChecks } from 'aws-cdk-lib/aws-autoscaling';
import { EbsDeviceVolumeType, type LaunchTemplate, Volume } from 'aws-cdk-lib/aws-ec2';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import { Construct, type IConstruct } from 'constructs';
import { type LaunchProps, launchTemplate, startsAfter } from './instance.ts';
import type { Network } from './network.ts';
import type { Variables } from './processes.ts';
import { type HostClass, type HostSlots, hostClasses, type QSettings } from './regions.ts';
import { slotName } from './stack-names.ts';

/** How long an instance waits for volumes that its predecessor still has: a forced detach included. */
const volumeWaitS = 900;

export interface HostsProps extends Omit<LaunchProps, 'instanceType' | 'scripts'> {
  readonly network: Network;
  /** Hear of every start and end. */
  readonly operators: ITopic;
  readonly slots: readonly HostSlots[];
  readonly q: QSettings | undefined;
}

export class Hosts extends Construct {
  readonly groups: AutoScalingGroup[] = [];
  readonly volumes: Volume[] = [];

  constructor(scope: Stack, id: string, { network, operators, slots, settings, environment, q, ...rest }: HostsProps) {
    super(scope, id);
    for (const { zone, count, hostClass } of slots) {
      const { instanceType, ...volumesOf } = hostClasses[hostClass];
      for (let index = 0; index < count; index++) {
        const name = slotName(zone, index);
        const place = new Construct(this, name);
        const volumes = Array.from({ length: volumesOf.volumes }, (_, i) => volume(place, `v${i}`, zone, volumesOf));
        this.volumes.push(...volumes);
        const template = launchTemplate(place, 'Template', {
          ...rest,
          instanceType,
          scripts: ['common.sh', 'volumes.sh', 'host.sh'],
          settings: {
            ...settings,
            Q_ARCHIVE: q?.archive ?? '',
            SLOT: name,
            VOLUMES: volumes.map(({ volumeId }) => volumeId).join(' '),
            VOLUME_WAIT_S: String(volumeWaitS),
          },
          environment: { ...environment, ...budgets(hostClasses[hostClass], q) },
        });
        // The agent's role may attach volumes of the stack's hosts to hosts of the stack.
        ofHost(template);
        this.groups.push(group(place, name, { zone, network, operators, template, identity: rest.identity }));
      }
    }
  }
}

/** What the databases of a host may take of it. A process of q has an eighth beside its workspace. */
function budgets({ databases, memoryMibPerDatabase }: HostClass, q: QSettings | undefined): Variables {
  const ofQ = q && {
    TSG_Q_READERS: q.readers,
    TSG_Q_CONNECTIONS: q.connections,
    TSG_Q_THREADS: q.threads,
    TSG_Q_MEMORY_MB: Math.floor((memoryMibPerDatabase / (1 + q.readers)) * (8 / 9)),
  };
  const all = { TSG_SLOTS: databases, TSG_DATABASE_MEMORY_MB: memoryMibPerDatabase, ...ofQ };
  return Object.fromEntries(Object.entries(all).map(([name, value]) => [name, String(value)]));
}

function ofHost(resource: IConstruct): void {
  Tags.of(resource).add('tsg:hosts-of', Aws.STACK_NAME);
}

function volume(
  scope: Construct,
  id: string,
  zone: string,
  host: { readonly volumeGib: number; readonly volumeIops: number; readonly volumeMibPerS: number },
): Volume {
  const made = new Volume(scope, id, {
    availabilityZone: zone,
    volumeType: EbsDeviceVolumeType.GP3,
    size: Size.gibibytes(host.volumeGib),
    iops: host.volumeIops,
    throughput: host.volumeMibPerS,
    encrypted: true,
    removalPolicy: RemovalPolicy.RETAIN,
  });
  ofHost(made);
  Tags.of(made).add('tsg:volume', id);
  return made;
}

interface Place extends Pick<HostsProps, 'network' | 'operators' | 'identity'> {
  readonly zone: string;
  readonly template: LaunchTemplate;
}

function group(
  scope: Construct,
  name: string,
  { zone, network, operators, template, identity }: Place,
): AutoScalingGroup {
  const made = new AutoScalingGroup(scope, 'Group', {
    autoScalingGroupName: name,
    vpc: network.vpc,
    vpcSubnets: { subnets: network.vpc.privateSubnets.filter(({ availabilityZone }) => availabilityZone === zone) },
    launchTemplate: template,
    // Tasks start hosts (`start-host`) and operators end them; a deployment changes neither, and replaces none: `npm run ops -- hosts roll` does, after a drain.
    minCapacity: 0,
    maxCapacity: 1,
    healthChecks: HealthChecks.ec2({ gracePeriod: Duration.minutes(20) }),
    groupMetrics: [GroupMetrics.all()],
    notifications: [{ topic: operators }],
  });
  startsAfter(made, identity, network);
  // CDK gives every group one, about scheduled actions.
  delete (made.node.defaultChild as CfnAutoScalingGroup).cfnOptions.updatePolicy;
  return made;
}
