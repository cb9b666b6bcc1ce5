// How the programs of the service run on an instance: ports, and the environment that src/base/config.ts asks for. What differs between instances
// (zone, addresses, secrets) is added when one starts: user-data/*.sh.

import { Aws, type Stack } from 'aws-cdk-lib';
import { changesTopicArn } from './global-stack.ts';
import { ingestTopicArn } from './queues.ts';
import type { Deployment } from './regions.ts';
import { apiDomain, objectsBucket } from './stack-names.ts';

export const ports = {
  api: 8080,
  redis: 6379,
  agent: 9000,
  /** Those that Linux gives out by itself (net.ipv4.ip_local_port_range). */
  databases: { from: 32_768, to: 60_999 },
  metrics: 9100,
} as const;

export type Variables = Readonly<Record<string, string>>;

/** Of every process in the region. */
export function regionVariables(stack: Stack, region: string, deployment: Deployment): Variables {
  const { homeRegion, regions, domain } = deployment;
  const each = (value: (name: string) => string): string =>
    regions.map(({ name }) => `${name}=${value(name)}`).join(',');
  return {
    TSG_REGION: region,
    TSG_LOG_LEVEL: 'info',
    TSG_HOME_REGION: homeRegion,
    TSG_REGION_ENDPOINTS: each((name) => `https://${apiDomain(name, domain)}`),
    TSG_TOPIC_ARN: changesTopicArn(stack, homeRegion),
    TSG_INGEST_TOPIC_ARN: ingestTopicArn(stack, region),
    TSG_OBJECT_STORE: `s3://${objectsBucket(Aws.ACCOUNT_ID, region)}`,
  };
}

/** Where backups of other regions are restored from. */
export function objectStores({ regions }: Deployment): string {
  return regions.map(({ name }) => `${name}=s3://${objectsBucket(Aws.ACCOUNT_ID, name)}`).join(',');
}
