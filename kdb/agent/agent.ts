// The databases of one host: what the control port may do with them.

import { randomBytes } from 'node:crypto';
import type { DatabaseLogsConfig } from '../../src/base/config.ts';
import type { Log } from '../../src/base/log.ts';
import type {
  DatabaseReport,
  HoldOptions,
  HostHealth,
  StartOptions,
  WantedDatabase,
} from '../../src/management/host-agent.ts';
import type { ProcessLimits } from '../../src/management/plans.ts';
import type { DatabaseConfig } from '../database-config.ts';
import {
  FileNotFound,
  type FileRange,
  type OpenedFile,
  readDatabaseFile,
  removeBackup,
  removeUnfinishedFiles,
  writeDatabaseFile,
} from './database-files.ts';
import { openDatabaseLog } from './database-log.ts';
import { DatabaseProcess } from './database-process.ts';
import type { Fence } from './fence.ts';
import { hostHealth } from './health.ts';
import { changeHome, createHome, findHomes, removeHome } from './home.ts';
import type { Limits } from './limits.ts';
import type { DatabaseProgram } from './program.ts';
import type { StartTurns } from './start-turns.ts';

/** How long a PUT waits for a new process to listen: a new one takes under a second. */
const startWaitMs = 10_000;

/** Every slot is taken. */
export class HostFull extends Error {}

/** The host does not have the database. */
export class NoDatabase extends Error {}

/** Another agent has the host. */
export class HostLost extends Error {}

/** Files are for databases that are being filled. */
export class NotFilling extends Error {}

export interface AgentOptions {
  /** Where databases listen. */
  readonly host: string;
  readonly volumes: readonly string[];
  readonly slots: number;
  readonly program: DatabaseProgram;
  readonly log: Log;
  /** Of the databases; undefined: they write to this process's standard error. */
  readonly logFiles?: DatabaseLogsConfig | undefined;
  readonly startTurns: StartTurns;
  readonly limits: Limits;
  readonly fence: Pick<Fence, 'epoch' | 'fault' | 'refused' | 'check'>;
  /** Where journals are synced for engines that cannot. */
  readonly durablePort?: () => number | undefined;
  /** A database listens on another port than before. */
  readonly moved: () => void;
}

export class Agent {
  readonly #options: AgentOptions;
  readonly #processes = new Map<string, DatabaseProcess>();
  /** Those that are being filled. */
  readonly #filling = new Map<string, DatabaseConfig>();
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
      if (config.filling) {
        await removeUnfinishedFiles(config.volumes);
        this.#filling.set(config.databaseId, config);
      } else this.#startProcess(config);
    }
  }

  /** Creates the database where it is not there yet, and waits a while for it to listen. */
  put(id: string, wanted: WantedDatabase): Promise<DatabaseReport> {
    return this.#inTurn(id, async () => {
      if (!this.#find(id)) await this.#create(id, wanted);
      await this.#processes.get(id)?.settled(startWaitMs);
      return this.#report(id);
    });
  }

  get(id: string): DatabaseReport | undefined {
    return this.#find(id) && this.#report(id);
  }

  list(): DatabaseReport[] {
    return [...this.#processes.keys(), ...this.#filling.keys()].map((id) => this.#report(id));
  }

  /** A file of the database or of one of its backups; null where the range begins behind its end. */
  readFile(id: string, volume: number, path: readonly string[], range: FileRange | null): Promise<OpenedFile | null> {
    return readDatabaseFile(this.#directory(id, volume), path, range);
  }

  /** Resolves when the file lasts. */
  async writeFile(
    id: string,
    volume: number,
    name: string,
    sha256: string,
    contents: AsyncIterable<Uint8Array>,
  ): Promise<void> {
    const directory = this.#directory(id, volume);
    this.#checkFilling(id);
    await writeDatabaseFile(directory, name, sha256, contents, (rename) =>
      this.#inTurn(id, async () => {
        this.#checkFilling(id);
        await rename();
      }),
    );
  }

  /** Ends the filling; nothing but its process's start happens to a database that was started before. */
  startFilled(id: string, { recover, heldBy }: StartOptions): Promise<DatabaseReport> {
    return this.#inTurn(id, async () => {
      const filled = this.#filling.get(id);
      if (filled) {
        const config = {
          ...filled,
          filling: false,
          heldBy: heldBy ?? null,
          restore: { untilMs: recover?.untilMs ?? null },
        };
        await removeUnfinishedFiles(config.volumes);
        await changeHome(config);
        this.#filling.delete(id);
        this.#startProcess(config);
      }
      const process = this.#processes.get(id);
      if (!process) throw new NoDatabase(`there is no database ${id}`);
      await process.settled(startWaitMs);
      return this.#report(id);
    });
  }

  /** When it resolves no write is on its way any more, or writes are taken again. */
  hold(id: string, { held, by }: HoldOptions): Promise<DatabaseReport> {
    return this.#inTurn(id, async () => {
      const process = this.#processes.get(id);
      if (!process) throw new NoDatabase(`there is no database ${id} that runs`);
      const { heldBy } = process.config;
      if (held || heldBy == null || heldBy === by) await process.hold(held ? by : null);
      return this.#report(id);
    });
  }

  removeBackup(id: string, name: string): Promise<void> {
    return this.#inTurn(id, async () => {
      const config = this.#find(id);
      if (config) await removeBackup(config.volumes, name);
    });
  }

  async health(): Promise<HostHealth> {
    const { volumes, slots, limits, fence } = this.#options;
    return {
      ...(await hostHealth(volumes, slots, this.list())),
      epoch: fence.epoch,
      fault: fence.fault,
      refusedVolumes: [...fence.refused.values()],
      limits: limits.kind,
    };
  }

  /** As the operator watches them. */
  processes(): readonly Pick<
    DatabaseProcess,
    | 'config'
    | 'state'
    | 'restarts'
    | 'overMemory'
    | 'memoryMb'
    | 'pid'
    | 'heldSinceMs'
    | 'readers'
    | 'syncP99S'
    | 'takeSlowestSyncS'
  >[] {
    return this.#options.fence.fault === null ? [...this.#processes.values()] : [];
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
      openDatabaseLog(this.#options.logFiles, id).remove();
      const wasThere = this.#processes.delete(id) || this.#filling.delete(id);
      if (wasThere) this.#options.log.info('a database was removed', { databaseId: id });
    });
  }

  /** The volumes are another agent's: at once, and nothing is written any more. */
  async kill(): Promise<void> {
    await Promise.all([...this.#processes.values()].map((process) => process.stop('SIGKILL')));
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#processes.values()].map((process) => process.stop()));
  }

  async #create(id: string, wanted: WantedDatabase): Promise<void> {
    const { host, slots, volumes } = this.#options;
    if (this.#processes.size + this.#filling.size >= slots) throw new HostFull(`all ${slots} slots are taken`);
    const config = await createHome(volumes, {
      ...wanted,
      databaseId: id,
      host,
      ships: true,
      incarnation: randomBytes(8).toString('hex'),
      heldBy: null,
      filling: wanted.filling ?? false,
      restore: null,
      recovered: null,
    });
    if (config.filling) this.#filling.set(id, config);
    else this.#startProcess(config);
  }

  #startProcess(config: DatabaseConfig): void {
    const { program, log, startTurns, limits, fence, moved } = this.#options;
    const output = openDatabaseLog(this.#options.logFiles, config.databaseId);
    const process = new DatabaseProcess(config, { program, log, output, startTurns, limits, fence, moved });
    this.#processes.set(config.databaseId, process);
  }

  #find(id: string): DatabaseConfig | undefined {
    return this.#processes.get(id)?.config ?? this.#filling.get(id);
  }

  #directory(id: string, volume: number): string {
    this.#checkFence();
    const config = this.#find(id);
    if (!config) throw new NoDatabase(`there is no database ${id}`);
    const directory = config.volumes[volume];
    if (directory === undefined) throw new FileNotFound(`the database has ${config.volumes.length} volumes`);
    return directory;
  }

  #checkFilling(id: string): void {
    if (!this.#filling.has(id)) throw new NotFilling(`the database ${id} is not being filled`);
  }

  #checkFence(): void {
    const { fault } = this.#options.fence;
    if (fault !== null) throw new HostLost(fault);
  }

  /** Of a database that is there. */
  #report(id: string): DatabaseReport {
    const process = this.#processes.get(id);
    const durablePort = this.#options.durablePort?.();
    const readerPorts = process?.readers.ports ?? [];
    const { host, port, heldBy, incarnation, recovered } = this.#find(id)!;
    const ports = {
      ...(durablePort !== undefined && { durablePort }),
      ...(readerPorts.length > 0 && { readerPorts }),
    };
    return {
      id,
      state: process?.state ?? 'filling',
      endpoint: port === 0 ? null : { host, port, ...ports },
      fault: this.#options.fence.fault ?? process?.fault ?? null,
      heldBy: heldBy ?? null,
      incarnation,
      recovered,
    };
  }

  #inTurn<T>(id: string, change: () => Promise<T>): Promise<T> {
    const before = this.#changes.get(id) ?? Promise.resolve();
    const result = before.then(() => {
      this.#checkFence();
      return change();
    });
    const done = result
      .catch(() => {})
      .then(() => {
        if (this.#changes.get(id) === done) this.#changes.delete(id);
      });
    this.#changes.set(id, done);
    return result;
  }
}
