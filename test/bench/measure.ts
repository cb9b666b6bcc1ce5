/** One line of the result: the same thing measured on every target. */
export interface Measure {
  readonly scenario: string;
  readonly name: string;
  readonly unit: string;
  readonly better: 'higher' | 'lower';
  /** By target; a target that cannot do it is not there. */
  readonly values: Readonly<Record<string, number>>;
}

/** Gathers the lines of one scenario while its targets are measured one after the other. */
export class Measures {
  readonly #scenario: string;
  readonly #lines = new Map<string, Measure & { readonly values: Record<string, number> }>();

  constructor(scenario: string) {
    this.#scenario = scenario;
  }

  add(target: string, name: string, unit: string, better: Measure['better'], value: number): void {
    let line = this.#lines.get(name);
    if (!line) {
      line = { scenario: this.#scenario, name, unit, better, values: {} };
      this.#lines.set(name, line);
    }
    line.values[target] = value;
  }

  list(): Measure[] {
    return [...this.#lines.values()];
  }
}
