// Redis of each zone: one node, a cache without a copy, since what it has can be had from DynamoDB and a zone that is lost loses its API nodes too.

import { CfnReplicationGroup, CfnSubnetGroup } from 'aws-cdk-lib/aws-elasticache';
import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import type { Network } from './network.ts';
import { ports } from './processes.ts';

export interface CacheProps {
  readonly zones: readonly string[];
  readonly nodeType: string;
  readonly network: Network;
  /** Who connects has to know it: a bare cache cluster has none, a replication group does. */
  readonly password: ISecret;
}

export class Cache extends Construct {
  /** By zone. */
  readonly hosts: Readonly<Record<string, string>>;
  readonly groups: readonly CfnReplicationGroup[];

  constructor(scope: Construct, id: string, { zones, nodeType, network, password }: CacheProps) {
    super(scope, id);
    const subnets = new CfnSubnetGroup(this, 'Subnets', {
      description: 'Private subnets of every zone',
      subnetIds: network.vpc.privateSubnets.map(({ subnetId }) => subnetId),
    });
    const entries = zones.map((zone) => {
      const group = new CfnReplicationGroup(this, zone, {
        replicationGroupId: cacheName(zone),
        replicationGroupDescription: `Management data for ${zone}`,
        engine: 'valkey',
        engineVersion: '8.0',
        cacheNodeType: nodeType,
        numCacheClusters: 1,
        preferredCacheClusterAZs: [zone],
        automaticFailoverEnabled: false,
        multiAzEnabled: false,
        cacheSubnetGroupName: subnets.ref,
        securityGroupIds: [network.cache.securityGroupId],
        port: ports.redis,
        transitEncryptionEnabled: true,
        transitEncryptionMode: 'required',
        atRestEncryptionEnabled: true,
        authToken: password.secretValue.unsafeUnwrap(),
        snapshotRetentionLimit: 0,
        autoMinorVersionUpgrade: true,
      });
      return [zone, group] as const;
    });
    this.groups = entries.map(([, group]) => group);
    this.hosts = Object.fromEntries(entries.map(([zone, group]) => [zone, group.attrPrimaryEndPointAddress]));
  }
}

export function cacheName(zone: string): string {
  return `tsg-${zone}`;
}
