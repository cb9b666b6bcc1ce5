// The databases of one host: what the control port may do with them.

import type { Log } from '../../src/base/log.ts';
import type { DatabaseReport, WantedDatabase } from '../../src/management/host-agent.ts';
import type { ProcessLimits } from '../../src/management/plans.ts';
import type { DatabaseConfig } from '../database-config.ts';
import { DatabaseProcess } from './database-process.ts';
import { changeHome, createHome, findHomes, removeHome } from './home.ts';

/** How long a PUT waits for a new process to listen: a new one takes under a second. */
const startWaitMs = 10_000;

/** Every slot is taken. */
export class HostFull extends Error {}

export interface AgentOptions {
  /** Where databases listen. */
  readonly host: string;
  readonly volumes: readonly string[];
  readonly slots: number;
  readonly command: readonly string[];
  readonly log: Log;
  /** A database listens on another port than before. */
  readonly moved: () => void;
}

export class Agent {
  readonly #options: AgentOptions;
  readonly #processes = new Map<string, DatabaseProcess>();
  /** Changes of one database, one after the other. */
  readonly #changes = new Map<string, Promise<unknown>>();

  constructor(options: AgentOptions) {
    this.#options = options;
  }

  /** Starts every database that is on the volumes. It needs nobody else for that. */
  async start(): Promise<void> {
    const { volumes, host, log } = this.#options;
    const homes = await findHomes(volumes, (error) => log.error('a part of the volumes cannot be read', { error }));
    for (const home of homes) {
      // The volumes may have come from a host with another address.
      const config = { ...home, host };
      if (home.host !== host) await changeHome(config);
      this.#startProcess(config);
    }
  }

  /** Creates the database where it is not there yet, and waits a while for it to listen. */
  put(id: string, wanted: WantedDatabase): Promise<DatabaseReport> {
    return this.#inTurn(id, async () => {
      const process = this.#processes.get(id) ?? (await this.#create(id, wanted));
      await process.settled(startWaitMs);
      return report(process);
    });
  }

  get(id: string): DatabaseReport | undefined {
    const process = this.#processes.get(id);
    return process && report(process);
  }

  list(): DatabaseReport[] {
    return [...this.#processes.values()].map(report);
  }

  /** Tells the process how much it may have now. */
  limit(id: string, limits: ProcessLimits): Promise<void> {
    return this.#inTurn(id, async () => await this.#processes.get(id)?.limit(limits));
  }

  /** Stops the process and removes all data. Nothing to do for one that is not there. */
  remove(id: string): Promise<void> {
    return this.#inTurn(id, async () => {
      await this.#processes.get(id)?.stop();
      await removeHome(this.#options.volumes, id);
      if (this.#processes.delete(id)) this.#options.log.info('a database was removed', { databaseId: id });
    });
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#processes.values()].map((process) => process.stop()));
  }

  async #create(id: string, wanted: WantedDatabase): Promise<DatabaseProcess> {
    const { host, slots } = this.#options;
    if (this.#processes.size >= slots) throw new HostFull(`all ${slots} slots are taken`);
    const config = await createHome(this.#options.volumes, { ...wanted, databaseId: id, host });
    return this.#startProcess(config);
  }

  #startProcess(config: DatabaseConfig): DatabaseProcess {
    const { command, log, moved } = this.#options;
    const process = new DatabaseProcess(config, { command, log, moved });
    this.#processes.set(config.databaseId, process);
    return process;
  }

  #inTurn<T>(id: string, change: () => Promise<T>): Promise<T> {
    const before = this.#changes.get(id) ?? Promise.resolve();
    const result = before.then(change);
    const done = result
      .catch(() => {})
      .then(() => {
        if (this.#changes.get(id) === done) this.#changes.delete(id);
      });
    this.#changes.set(id, done);
    return result;
  }
}

function report({ config, state, fault }: DatabaseProcess): DatabaseReport {
  const endpoint = config.port === 0 ? null : { host: config.host, port: config.port };
  return { id: config.databaseId, state, endpoint, fault };
}
