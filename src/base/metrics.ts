// What the process counts, in the text format of Prometheus. Figures that other parts keep anyway are read when somebody asks.

import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { type Durations, durationHistogram } from './durations.ts';
import { RequestFigures } from './request-figures.ts';

/** Seconds: from a row that is written to a database that is copied. */
const taskBuckets = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800];

/** Values of one label, and the figure of each. */
type Figures = Readonly<Record<string, number>>;

export class Metrics {
  readonly #registry = new Registry();
  #requests: Map<string, RequestFigures> | undefined;

  constructor(labels: { readonly region: string; readonly zone: string }) {
    this.#registry.setDefaultLabels(labels);
    // Processor time, garbage collection, handles, and how late the event loop is.
    collectDefaultMetrics({ register: this.#registry });
    this.addGauge('tsg_process_memory_bytes', 'Memory of this process.', 'kind', () => {
      const { rss, heapUsed, external } = process.memoryUsage();
      return { rss, heap: heapUsed, external };
    });
  }

  /** Counts the requests of a route. */
  requestCounter(route: string): (status: number, durationMs: number) => void {
    this.#requests ??= this.#addRequests();
    const figures = new RequestFigures();
    this.#requests.set(route, figures);
    return (status, durationMs) => figures.add(status, durationMs / 1_000);
  }

  #addRequests(): Map<string, RequestFigures> {
    const routes = new Map<string, RequestFigures>();
    const requests = new Counter({
      name: 'tsg_requests_total',
      help: 'Requests answered, by route and status.',
      labelNames: ['route', 'status'],
      registers: [this.#registry],
      collect: () => {
        requests.reset();
        for (const [route, { statuses }] of routes)
          for (const [status, count] of statuses) requests.inc({ route, status: String(status) }, count);
      },
    });
    this.addDurations(
      'tsg_request_duration_seconds',
      'From the head of a request to the end of its last step, by route.',
      () => Array.from(routes, ([route, { durations }]) => [{ route }, durations]),
    );
    return routes;
  }

  addDurations(
    name: string,
    help: string,
    series: () => Iterable<readonly [Readonly<Record<string, string>>, Durations]>,
  ): void {
    this.#registry.registerMetric(durationHistogram(name, help, series));
  }

  /** Counts attempts at tasks. */
  addTasks(): (kind: string, outcome: string, durationMs: number) => void {
    const registers = [this.#registry];
    const attempts = new Counter({
      name: 'tsg_tasks_total',
      help: 'Attempts at tasks that ended here, by kind and outcome.',
      labelNames: ['kind', 'outcome'],
      registers,
    });
    const durations = new Histogram({
      name: 'tsg_task_seconds',
      help: 'From the claim of a task to the end of the attempt, by kind.',
      labelNames: ['kind'],
      buckets: taskBuckets,
      registers,
    });
    return (kind, outcome, durationMs) => {
      attempts.inc({ kind, outcome });
      durations.observe({ kind }, durationMs / 1_000);
    };
  }

  /** Figures that only grow, one for each value of the label. */
  addCounter(name: string, help: string, label: string, read: () => Figures | Promise<Figures>): void {
    const counter = new Counter({
      name,
      help,
      labelNames: [label],
      registers: [this.#registry],
      collect: async () => {
        const figures = await read();
        counter.reset();
        for (const [value, figure] of Object.entries(figures)) counter.labels(value).inc(figure);
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
