// The API process of a region.

import { randomUUID } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { addFigures } from './api/figures.ts';
import { SeriesFollower } from './api/series-follower.ts';
import { warmUp } from './api/warm-up.ts';
import { createRates } from './auth/index.ts';
import { createClock } from './base/clock.ts';
import { type ApiConfig, ConfigError, readApiConfig } from './base/config.ts';
import { onStop } from './base/lifecycle.ts';
import { createLog } from './base/log.ts';
import { Metrics } from './base/metrics.ts';
import { Engines } from './kdb/engines.ts';
import { createManagement } from './management/index.ts';
import { UsageMeter } from './management/usage-meter.ts';
import { createServer } from './server.ts';
import { createTasks } from './tasks/index.ts';

async function main(config: ApiConfig): Promise<void> {
  const log = createLog('api', config.logLevel);
  const management = createManagement(config, log);
  const tasks = createTasks(config);
  const engines = new Engines();
  const follower = new SeriesFollower({ engines, management, log });
  const rates = createRates(config, log);
  const { throttle } = rates;
  const meter = new UsageMeter({ usage: management.usage, bootId: randomUUID(), clock: Date.now, log });
  const metrics = new Metrics({ region: config.region, zone: config.zone });
  addFigures({ metrics, management, follower, throttle, meter });
  const nowNs = createClock();
  const server = createServer({ config, log, management, tasks, engines, follower, throttle, meter, metrics, nowNs });

  if (config.adminToken !== undefined) await management.tokens.ensureOperator(config.adminToken);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(config.port, config.host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  meter.start();
  await warmUp(port, config.host);
  log.info('listening', { host: config.host, port });
  process.stdout.write(`listening ${port}\n`);

  onStop(
    async () => {
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.server.closeIdleConnections();
      });
      await follower.close();
      await engines.close();
      await meter.stop();
      await rates.close();
      tasks.close();
      await management.close();
    },
    { stopWithParent: config.stopWithParent, log },
  );
}

try {
  await main(readApiConfig(process.env));
} catch (error) {
  if (!(error instanceof ConfigError) && (error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
  process.stderr.write(`${(error as Error).message}\n`);
  process.exit(1);
}
