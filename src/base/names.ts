// Names shared by code and infrastructure. This file imports nothing.

export const tables = {
  accounts: 'tsg-accounts',
  users: 'tsg-users',
  tokens: 'tsg-tokens',
  databases: 'tsg-databases',
  hosts: 'tsg-hosts',
  tasks: 'tsg-tasks',
  usage: 'tsg-usage',
  audit: 'tsg-audit',
} as const;

/** Per region: the management queue and its dead letters. */
export const queues = {
  tasks: 'tsg-tasks',
  tasksDead: 'tsg-tasks-dead',
} as const;

/** Redis: key prefixes and the channel on which every API process drops its own copy of a key. */
export const cacheKeys = { token: 'tsg:token:', database: 'tsg:database:' } as const;
export const invalidationChannel = 'tsg:invalidate';

/** Redis: what accounts used of their rates, and which zones serve requests. */
export const rateKeys = { pointsPerSecond: 'tsg:rate:points', querySecondsPerMinute: 'tsg:rate:queries' } as const;
export function zoneKey(zone: string): string {
  return `tsg:zone:${zone}`;
}

/** Secondary indexes of the tables (management/tables.ts has their keys). */
export const indexes = {
  tokensByAccount: 'tokens-by-account',
  databasesById: 'databases-by-id',
  databasesByHost: 'databases-by-host',
  hostsByRegion: 'hosts-by-region',
  tasksByAccount: 'tasks-by-account',
  tasksDue: 'tasks-due',
} as const;
