// Figures as lines of CloudWatch's embedded metric format: CloudWatch Logs makes metrics of them, nobody calls it. [Embedded_Metric_Format_Specification]

import { setTimeout as delay } from 'node:timers/promises';
import type { Log } from './log.ts';
import { figures } from './names.ts';

const everyMs = 60_000;

/** In seconds, percents or counts, by the names of `figures`; what is not known is left out. */
export type FigureValues = Readonly<Record<string, number | undefined>>;

interface FigureLinesOptions {
  readonly region: string;
  readonly read: () => FigureValues | Promise<FigureValues>;
  readonly log: Log;
}

export class FigureLines {
  readonly #options: FigureLinesOptions;
  readonly #stop = new AbortController();
  #written: Promise<void> = Promise.resolve();

  constructor(options: FigureLinesOptions) {
    this.#options = options;
  }

  start(): void {
    this.#written = this.#keepWriting();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#written;
  }

  async #keepWriting(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await this.write().catch((error: unknown) => this.#options.log.warn('figures are not known', { error }));
      await delay(everyMs, undefined, { signal }).catch(() => {});
    }
  }

  async write(): Promise<void> {
    const { region, read, log } = this.#options;
    const known = Object.entries(await read()).filter(([, value]) => value !== undefined);
    if (known.length === 0) return;
    const Metrics = known.map(([Name]) => ({ Name, Unit: unitOf(Name) }));
    log.info('figures', {
      _aws: {
        Timestamp: Date.now(),
        CloudWatchMetrics: [{ Namespace: figures.namespace, Dimensions: [['region']], Metrics }],
      },
      region,
      ...Object.fromEntries(known),
    });
  }
}

function unitOf(name: string): string {
  if (name.endsWith('Seconds')) return 'Seconds';
  return name.endsWith('Percent') ? 'Percent' : 'Count';
}
