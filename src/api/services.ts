import type { Throttle } from '../auth/throttle.ts';
import type { ApiConfig } from '../base/config.ts';
import type { Log } from '../base/log.ts';
import type { Metrics } from '../base/metrics.ts';
import type { ObjectStore } from '../base/object-store.ts';
import type { WriteQueue } from '../ingest/write-queue.ts';
import type { Engines } from '../kdb/engines.ts';
import type { Management } from '../management/index.ts';
import type { UsageMeter } from '../management/usage-meter.ts';
import type { Tasks } from '../tasks/index.ts';
import type { SeriesFollower } from './series-follower.ts';
import type { WriteFigures } from './write-figures.ts';

/** What the handlers work with; main.ts makes them in this order. */
export interface Services {
  readonly config: ApiConfig;
  readonly log: Log;
  readonly management: Management;
  readonly tasks: Tasks;
  readonly objects: ObjectStore;
  readonly engines: Engines;
  readonly writeQueue: WriteQueue;
  readonly follower: SeriesFollower;
  readonly throttle: Throttle;
  readonly meter: UsageMeter;
  readonly writes: WriteFigures;
  readonly metrics: Metrics;
  /** Nanoseconds since 1970. */
  readonly nowNs: () => bigint;
}
