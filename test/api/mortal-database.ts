// A database process that can be ended by force, before a call of choice, and started again on the same data.

import { createEngineClient, type EngineClient } from '../../src/kdb/client.ts';
import type { Engine, SchemaMode } from '../../src/kdb/engine.ts';
import { ConnectionLost } from '../../src/kdb/engine-error.ts';
import { type DatabaseProcess, startDatabase } from '../engines/database-process.ts';
import { volumesFor } from '../engines/store-in-temp.ts';

interface Test {
  readonly after: (stop: () => void | Promise<void>) => void;
}

export class MortalDatabase {
  readonly #volumes: readonly string[];
  readonly #schema: SchemaMode;
  #process: DatabaseProcess | undefined;
  #client: EngineClient | undefined;
  #fatal: keyof Engine | undefined;
  #lost: keyof Engine | undefined;

  constructor(t: Test, schema: SchemaMode) {
    t.after(() => this.#close());
    this.#volumes = volumesFor({ after: (remove) => t.after(remove as () => void) }, 1);
    this.#schema = schema;
  }

  /** Speaks to whatever process there is. */
  readonly engine = new Proxy({} as Engine, {
    get:
      (_, name: keyof Engine) =>
      async (...given: unknown[]) => {
        await this.#meet(name);
        const client = this.#client!;
        return (client[name] as (...given: unknown[]) => unknown).apply(client, given);
      },
  });

  async start(): Promise<void> {
    this.#process = await startDatabase(this.#volumes, this.#schema);
    const { port, user, password } = this.#process;
    await this.#client?.close();
    this.#client = createEngineClient({ host: '127.0.0.1', port, user, password });
  }

  /** kill -9 when the next call of this name is made. */
  dieBefore(name: keyof Engine): void {
    this.#fatal = name;
  }

  /** The next call of this name never arrives. */
  lose(name: keyof Engine): void {
    this.#lost = name;
  }

  async #meet(name: keyof Engine): Promise<void> {
    if (name === this.#lost) {
      this.#lost = undefined;
      throw new ConnectionLost('lost');
    }
    if (name !== this.#fatal) return;
    this.#fatal = undefined;
    await this.#kill();
  }

  async #kill(): Promise<void> {
    await this.#process?.stop('SIGKILL');
    this.#process = undefined;
  }

  async #close(): Promise<void> {
    await this.#kill();
    await this.#client?.close();
  }
}
