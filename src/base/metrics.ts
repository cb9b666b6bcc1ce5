// What the process counts, in the text format of Prometheus. Figures that other parts keep anyway are read when somebody asks.

import { Counter, Gauge, Registry } from 'prom-client';
import { RequestFigures } from './request-figures.ts';

/** Values of one label, and the figure of each. */
type Figures = Readonly<Record<string, number>>;

export class Metrics {
  readonly #registry = new Registry();
  readonly #requests = new RequestFigures();

  constructor(labels: { readonly region: string; readonly zone: string }) {
    this.#registry.setDefaultLabels(labels);
    const requests = new Counter({
      name: 'tsg_requests_total',
      help: 'Requests answered, by route and status.',
      labelNames: ['route', 'status'],
      registers: [this.#registry],
      collect: () => {
        requests.reset();
        for (const { labels, count } of this.#requests.counts()) requests.inc(labels, count);
      },
    });
    this.#registry.registerMetric(
      this.#requests.histogram(
        'tsg_request_duration_seconds',
        'From the head of a request to the end of its last step, by route.',
      ),
    );
  }

  /** Counts the requests of a route. */
  requestCounter(route: string): (status: number, durationMs: number) => void {
    const figures = this.#requests.route(route);
    return (status, durationMs) => figures.add(status, durationMs / 1_000);
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
