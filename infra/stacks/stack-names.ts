// Names that stacks of different regions know each other's resources by: there are no exports between them.

import { hostGroupPrefix } from '../../src/base/names.ts';

export const globalStackName = 'tsg-global';
export const imageRepository = 'tsg';

export function regionStackName(region: string): string {
  return `tsg-${region}`;
}

/** In the home region: what SNS could not deliver to the region's queue of changes. */
export function undeliveredQueue(region: string): string {
  return `tsg-feed-undelivered-${region}`;
}

export function objectsBucket(account: string, region: string): string {
  return `tsg-objects-${account}-${region}`;
}

export function apiDomain(region: string, domain: string): string {
  return `${region}-api.${domain}`;
}

/** Auto scaling group and slot of a place for a database host. */
export function slotName(zone: string, index: number): string {
  return `${hostGroupPrefix}${zone}-${index}`;
}

/** SSM: the image that hosts run from their next start on. */
export const agentImageParameter = '/tsg/image/agent';

/** Secrets Manager. Those made by hand are empty at first; an empty one turns off what it is for. */
export const secretNames = {
  adminToken: 'tsg/admin-token',
  agentSecret: 'tsg/agent-secret',
  redisPassword: 'tsg/redis-password',
  canaryToken: 'tsg/canary-token',
  newRelicLicenseKey: 'tsg/new-relic-license-key',
  logglyToken: 'tsg/loggly-token',
  qLicence: 'tsg/q-licence',
} as const;
