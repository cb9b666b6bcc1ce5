import { Child, type ChildDefinition, type ChildEvents } from './child.ts';

/** Everything that a run consists of: started in stages, stopped in reverse order. */
export class Processes {
  readonly #stages: readonly (readonly Child[])[];
  /** Rejects when a process cannot be kept running. */
  readonly failed: Promise<never>;
  readonly #fail: (error: Error) => void;

  constructor(stages: readonly (readonly ChildDefinition[])[], events: ChildEvents) {
    this.#stages = stages.map((stage) => stage.map((definition) => new Child(definition, events)));
    const { promise, reject } = Promise.withResolvers<never>();
    this.failed = promise;
    this.#fail = reject;
  }

  async start(): Promise<void> {
    for (const stage of this.#stages) await Promise.all(stage.map((child) => child.start(this.#fail)));
  }

  async stop(): Promise<void> {
    for (const stage of this.#stages.toReversed()) for (const child of stage.toReversed()) await child.stop();
  }

  kill(): void {
    for (const child of this.#stages.flat()) child.kill();
  }
}
