// What is deployed where. A region is added by an entry here and `npm run deploy -- --region <name>`.

/** Hosts of one class in one zone: each slot is a place for one instance, with volumes of its own. */
export interface HostSlots {
  readonly zone: string;
  readonly count: number;
  readonly hostClass: HostClassName;
}

export interface RegionSettings {
  readonly name: string;
  /** By name: accounts see different ones in some regions (us-west-1 gives two of its three). */
  readonly zones: readonly string[];
  /** Of the region's network; no two regions have the same, so that they can be peered. */
  readonly cidr: string;
  readonly api: FleetSettings;
  readonly workers: FleetSettings;
  readonly cacheNodeType: string;
  readonly slots: readonly HostSlots[];
}

export interface FleetSettings {
  readonly instanceType: string;
  /** Two at least, which the group puts into different zones, so that a zone may be lost. */
  readonly min: number;
  readonly max: number;
}

/**
 * What a database host is. Sources: the `EbsInfo` and `MemoryInfo` of `aws ec2 describe-instance-types`, of which infra/README.md has the figures;
 * a test holds volumes to the instance's bandwidth, and the budgets of its databases to its memory.
 */
export interface HostClass {
  readonly instanceType: string;
  readonly memoryMib: number;
  /** The baseline, which lasts; smaller sizes reach 10 Gbit/s for half an hour a day only. */
  readonly ebsBaselineMbitPerS: number;
  readonly volumes: number;
  readonly volumeGib: number;
  readonly volumeIops: number;
  readonly volumeMibPerS: number;
  readonly databases: number;
  readonly memoryMibPerDatabase: number;
}

export type HostClassName = 'standard' | 'large';

export const hostClasses: Readonly<Record<HostClassName, HostClass>> = {
  standard: {
    instanceType: 'r6i.4xlarge',
    memoryMib: 131_072,
    ebsBaselineMbitPerS: 10_000,
    volumes: 4,
    volumeGib: 500,
    volumeIops: 4_000,
    volumeMibPerS: 250,
    databases: 32,
    memoryMibPerDatabase: 2_048,
  },
  large: {
    instanceType: 'r6i.8xlarge',
    memoryMib: 262_144,
    ebsBaselineMbitPerS: 10_000,
    volumes: 8,
    volumeGib: 1_000,
    volumeIops: 3_000,
    volumeMibPerS: 125,
    databases: 64,
    memoryMibPerDatabase: 2_048,
  },
};

/** How hosts run real q; its licence is a secret (infra/README.md). */
export interface QSettings {
  /** s3://bucket/key of a tar.gz with the folder `q`: a private bucket, in any region. */
  readonly archive: string;
  /** Of each database, beside its writer: they share its memory. */
  readonly readers: number;
  /** That a process takes: what the licence allows. */
  readonly connections: number;
  /** -s; as many as a host has volumes, where the licence allows it. */
  readonly threads: number;
}

export interface Deployment {
  /** Below it every region's address: `<region>-api.<domain>`. */
  readonly domain: string;
  readonly homeRegion: string;
  /** Has a copy of the tables that nothing reads, for the day that home is lost. */
  readonly standbyRegion: string;
  /** Where alarms go. */
  readonly operatorsEmail: string;
  /** Without it databases run on the embedded engine. */
  readonly q?: QSettings;
  readonly regions: readonly RegionSettings[];
}

const fleet = {
  api: { instanceType: 'c7g.large', min: 2, max: 12 },
  workers: { instanceType: 'c7g.large', min: 2, max: 10 },
};

export const deployment: Deployment = {
  domain: 'tsg.example.com',
  homeRegion: 'eu-west-1',
  standbyRegion: 'eu-central-1',
  operatorsEmail: 'operators@example.com',
  regions: [
    {
      name: 'eu-west-1',
      zones: ['eu-west-1a', 'eu-west-1b', 'eu-west-1c'],
      cidr: '10.10.0.0/16',
      ...fleet,
      cacheNodeType: 'cache.r7g.large',
      slots: [
        { zone: 'eu-west-1a', count: 2, hostClass: 'standard' },
        { zone: 'eu-west-1b', count: 2, hostClass: 'standard' },
        { zone: 'eu-west-1c', count: 2, hostClass: 'standard' },
      ],
    },
    {
      name: 'us-east-1',
      zones: ['us-east-1a', 'us-east-1b', 'us-east-1c'],
      cidr: '10.20.0.0/16',
      ...fleet,
      cacheNodeType: 'cache.r7g.large',
      slots: [
        { zone: 'us-east-1a', count: 2, hostClass: 'standard' },
        { zone: 'us-east-1b', count: 2, hostClass: 'standard' },
      ],
    },
    {
      name: 'us-west-1',
      zones: ['us-west-1a', 'us-west-1c'],
      cidr: '10.30.0.0/16',
      ...fleet,
      cacheNodeType: 'cache.r7g.large',
      slots: [
        { zone: 'us-west-1a', count: 1, hostClass: 'standard' },
        { zone: 'us-west-1c', count: 1, hostClass: 'standard' },
      ],
    },
    {
      name: 'ap-southeast-2',
      zones: ['ap-southeast-2a', 'ap-southeast-2b', 'ap-southeast-2c'],
      cidr: '10.40.0.0/16',
      ...fleet,
      cacheNodeType: 'cache.r7g.large',
      slots: [
        { zone: 'ap-southeast-2a', count: 1, hostClass: 'standard' },
        { zone: 'ap-southeast-2b', count: 1, hostClass: 'standard' },
      ],
    },
  ],
};
