// Names shared by code and infrastructure. This file imports nothing.

export const tables = {
  accounts: 'tsg-accounts',
  users: 'tsg-users',
  tokens: 'tsg-tokens',
  databases: 'tsg-databases',
  series: 'tsg-series',
  hosts: 'tsg-hosts',
  tasks: 'tsg-tasks',
  schedules: 'tsg-schedules',
  backups: 'tsg-backups',
  usage: 'tsg-usage',
  audit: 'tsg-audit',
  outbox: 'tsg-outbox',
} as const;

/** Per region: the management queue for what somebody waits for and the one for bulk work, the change feed's queue, and their dead letters. */
export const queues = {
  tasks: 'tsg-tasks',
  bulk: 'tsg-bulk',
  tasksDead: 'tsg-tasks-dead',
  feed: 'tsg-feed',
  feedDead: 'tsg-feed-dead',
} as const;

/** Per region: batches of points that are written later, in the order of each database. */
export const ingest = {
  topic: 'tsg-ingest.fifo',
  queue: 'tsg-ingest.fifo',
  dead: 'tsg-ingest-dead.fifo',
  /** Short: what a worker had in hand when it died comes again when this is over. */
  visibilityS: 15,
  maxReceives: 1_000,
} as const;

/** In the home region: every change of management data. */
export const topics = { changes: 'tsg-changes' } as const;

/** Redis: key prefixes by kind of record, and the channel on which every process drops its own copy of a key. */
export const cacheKeys = {
  account: 'tsg:account:',
  user: 'tsg:user:',
  token: 'tsg:token:',
  database: 'tsg:database:',
  series: 'tsg:series:',
} as const;
export const invalidationChannel = 'tsg:invalidate';
/** Redis: how current the zone's cache is. */
export const feedKey = 'tsg:feed';

/** Redis: what accounts used of their rates, and which zones serve requests. */
export const rateKeys = { pointsPerSecond: 'tsg:rate:points', querySecondsPerMinute: 'tsg:rate:queries' } as const;
export function zoneKey(zone: string): string {
  return `tsg:zone:${zone}`;
}

/** Secondary indexes of the tables (management/tables.ts has their keys). */
export const indexes = {
  accountsByStatus: 'accounts-by-status',
  tokensByAccount: 'tokens-by-account',
  databasesById: 'databases-by-id',
  databasesByHost: 'databases-by-host',
  hostsByRegion: 'hosts-by-region',
  tasksByAccount: 'tasks-by-account',
  tasksDue: 'tasks-due',
  tasksPending: 'tasks-pending',
  schedulesDue: 'schedules-due',
  backupsByAccount: 'backups-by-account',
} as const;

/**
 * CloudWatch, with the dimension `region`: lines of the embedded metric format that processes write to their logs once a minute. `freeSlots` is of all
 * hosts of the region that live, as a worker sees them; `freeVolumePercent` of the fullest volume of a host; `journalSyncP99Seconds` of a host's databases.
 */
export const figures = {
  namespace: 'tsg',
  replicationLag: 'replicationLagSeconds',
  journalSyncP99: 'journalSyncP99Seconds',
  freeSlots: 'freeSlots',
  freeVolume: 'freeVolumePercent',
  canaryFailures: 'canaryFailures',
  canaryDuration: 'canarySeconds',
} as const;

/**
 * What APIs, workers and replicators are told where there is a licence key for New Relic: without `flags` its agent is never loaded, with `-r` alone it would
 * not see modules that are imported. Attributes of requests, messages of errors and lines of the log could hold tokens and values.
 */
export const newRelic = {
  licenseKey: 'NEW_RELIC_LICENSE_KEY',
  flags: ['--import', 'newrelic/esm-loader.mjs', '-r', 'newrelic'],
  variables: {
    NEW_RELIC_NO_CONFIG_FILE: 'true',
    // It would write a file of its own, on a root that is read-only.
    NEW_RELIC_LOG: 'stderr',
    NEW_RELIC_LOG_LEVEL: 'warn',
    NEW_RELIC_ATTRIBUTES_ENABLED: 'false',
    NEW_RELIC_STRIP_EXCEPTION_MESSAGES_ENABLED: 'true',
    NEW_RELIC_APPLICATION_LOGGING_ENABLED: 'false',
    NEW_RELIC_RECORD_SQL: 'off',
  },
} as const;

/** Auto Scaling groups of a region that may have one database host each; the group's name is the host's id. */
export const hostGroupPrefix = 'tsg-host-';
