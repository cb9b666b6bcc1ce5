// Where database hosts come from on AWS: Auto Scaling groups of at most one instance, each in one zone. A group's name is its host's id.

import {
  type AutoScalingClient,
  type AutoScalingGroup,
  DescribeAutoScalingGroupsCommand,
  paginateDescribeAutoScalingGroups,
  SetDesiredCapacityCommand,
  TerminateInstanceInAutoScalingGroupCommand,
} from '@aws-sdk/client-auto-scaling';

export class HostGroups {
  readonly #client: AutoScalingClient;
  readonly #prefix: string;

  constructor(client: AutoScalingClient, prefix: string) {
    this.#client = client;
    this.#prefix = prefix;
  }

  /** An empty one, in the zone with fewest hosts, gets its instance. Undefined: none is empty. Two who ask at once may get the same one. */
  async startHost(abortSignal: AbortSignal): Promise<string | undefined> {
    const groups = await this.#all(abortSignal);
    const inZone = (zone: string): number =>
      groups
        .filter((group) => zoneOf(group) === zone)
        .reduce((sum, { DesiredCapacity = 0 }) => sum + DesiredCapacity, 0);
    const [empty] = groups
      .filter(({ DesiredCapacity, MaxSize = 0 }) => DesiredCapacity === 0 && MaxSize > 0)
      .toSorted((a, b) => inZone(zoneOf(a)) - inZone(zoneOf(b)) || (nameOf(a) < nameOf(b) ? -1 : 1));
    if (!empty) return undefined;
    const command = new SetDesiredCapacityCommand({ AutoScalingGroupName: nameOf(empty), DesiredCapacity: 1 });
    await this.#client.send(command, { abortSignal });
    return nameOf(empty);
  }

  /** Its instance ends, and the group starts another one with the same volumes. */
  async replaceHost(name: string, abortSignal: AbortSignal): Promise<void> {
    const command = new DescribeAutoScalingGroupsCommand({ AutoScalingGroupNames: [name] });
    const { AutoScalingGroups = [] } = await this.#client.send(command, { abortSignal });
    const instance = AutoScalingGroups[0]?.Instances?.[0]?.InstanceId;
    if (instance === undefined) throw new Error(`the group ${name} has no instance`);
    await this.#client.send(
      new TerminateInstanceInAutoScalingGroupCommand({ InstanceId: instance, ShouldDecrementDesiredCapacity: false }),
      { abortSignal },
    );
  }

  async #all(abortSignal: AbortSignal): Promise<AutoScalingGroup[]> {
    const groups: AutoScalingGroup[] = [];
    for await (const page of paginateDescribeAutoScalingGroups({ client: this.#client }, {}, { abortSignal }))
      groups.push(...(page.AutoScalingGroups ?? []));
    return groups.filter((group) => nameOf(group).startsWith(this.#prefix));
  }
}

function nameOf({ AutoScalingGroupName }: AutoScalingGroup): string {
  return AutoScalingGroupName!;
}

function zoneOf({ AvailabilityZones }: AutoScalingGroup): string {
  return AvailabilityZones![0]!;
}
