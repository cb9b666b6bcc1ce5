import type { Endpoint } from '../../src/management/records.ts';
import type { WorkerServices } from '../../workers/kinds/kind.ts';

/** A host without processes: where only what the worker does is of interest. */
export class MemoryHost {
  readonly databases = new Map<string, Endpoint>();
  #port = 5_000;

  readonly agents = {
    putDatabase: async (_agent, id) => {
      const endpoint = this.databases.get(id) ?? { host: '127.0.0.1', port: ++this.#port };
      this.databases.set(id, endpoint);
      return { id, state: 'running', endpoint, fault: null, heldBy: null, incarnation: 'memory', recovered: null };
    },
    deleteDatabase: async (_agent, id) => {
      this.databases.delete(id);
    },
  } satisfies Partial<WorkerServices['agents']> as Partial<WorkerServices['agents']> as WorkerServices['agents'];

  readonly hello: WorkerServices['hello'] = async ({ port }) => {
    if (![...this.databases.values()].some((endpoint) => endpoint.port === port)) throw new Error('no answer');
    return { contract: 1, engine: 'memory', schema: 'flexible', catalogueVersion: 0n, maxTagSets: 0n };
  };
}
