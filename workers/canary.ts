// The canary of a region: a customer with one database, which sees what others see, and tells operators.

import { hostname } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { FigureLines } from '../src/base/cloudwatch.ts';
import { type CanaryConfig, readCanaryConfig } from '../src/base/config.ts';
import { enter, onStop } from '../src/base/lifecycle.ts';
import { createLog } from '../src/base/log.ts';
import { Metrics } from '../src/base/metrics.ts';
import { serveMetrics } from '../src/base/metrics-port.ts';
import { Canary } from './canary-rounds.ts';

const everyMs = 10_000;

async function main(config: CanaryConfig): Promise<void> {
  const { region, zone, url, token } = config;
  const log = createLog('canary', config.logLevel, config.loggly);
  const name = hostname().replaceAll(/[^\w.-]/g, '-') || 'canary';
  const canary = new Canary({ url, token, database: `canary-${region}`, name, log });
  const metrics = new Metrics({ region, zone });
  canary.addTo(metrics);
  const figureLines = config.cloudwatchFigures
    ? new FigureLines({ region, read: () => canary.takeFigures(), log })
    : undefined;
  const watched = await serveMetrics(metrics, config.metricsPort);
  const stopped = new AbortController();
  const { signal } = stopped;
  let rounds: Promise<void> = Promise.resolve();

  onStop(
    async () => {
      stopped.abort();
      watched?.close();
      await figureLines?.stop();
      await rounds;
    },
    { stopWithParent: config.stopWithParent, log },
  );

  async function keepGoing(): Promise<void> {
    while (!signal.aborted) {
      const startedMs = performance.now();
      await canary.round();
      const pauseMs = Math.max(0, everyMs - (performance.now() - startedMs));
      await delay(pauseMs, undefined, { signal }).catch(() => {});
    }
  }
  rounds = keepGoing();
  figureLines?.start();
  log.info('listening', { url, database: `canary-${region}` });
}

await enter(() => main(readCanaryConfig(process.env)));
