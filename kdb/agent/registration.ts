// What the region knows of this host: that it lives, what room it has, and where its databases listen. None of it is needed to run them, so every
// failure is only tried again.

import { setTimeout as delay } from 'node:timers/promises';
import type { Log } from '../../src/base/log.ts';
import { isSame } from '../../src/kdb/engines.ts';
import { type HostReport, HostTaken } from '../../src/management/hosts.ts';
import type { Management } from '../../src/management/index.ts';
import type { Database } from '../../src/management/records.ts';
import type { Agent } from './agent.ts';
import type { Fence } from './fence.ts';

const heartbeatMs = 5_000;
interface RegistrationOptions {
  readonly management: Management;
  readonly host: Omit<HostReport, 'epoch'>;
  readonly agent: Agent;
  readonly maxHeldMs: number;
  readonly fence: Fence;
  readonly log: Log;
}

export class Registration {
  readonly #options: RegistrationOptions;
  readonly #stop = new AbortController();
  #wake = new AbortController();
  #kept: Promise<void> = Promise.resolve();
  #registered = false;

  constructor(options: RegistrationOptions) {
    this.#options = options;
  }

  start(): void {
    this.#kept = this.#keep();
  }

  /** There is news of a database: do not wait for the next heartbeat. */
  wake(): void {
    this.#wake.abort();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#kept;
  }

  async #keep(): Promise<void> {
    const { fence, log } = this.#options;
    let away = false;
    while (!this.#stop.signal.aborted && fence.fault === null) {
      this.#wake = new AbortController();
      try {
        await this.#report();
        if (away) log.info('the metadata store answers again');
        away = false;
      } catch (error) {
        this.#registered = false;
        if (!away) log.warn('the metadata store does not take reports; the databases run on', { error });
        away = true;
      }
      const pause = AbortSignal.any([this.#stop.signal, this.#wake.signal]);
      await delay(heartbeatMs, undefined, { signal: pause }).catch(() => {});
    }
  }

  async #report(): Promise<void> {
    const { management, host, fence } = this.#options;
    await fence.confirm(management.hosts);
    await this.#tell();
    if (fence.fault !== null) return;
    const listed = await management.databases.databasesOfHost(host.id);
    await this.#correctEndpoints(listed);
    await this.#endHolds(listed);
  }

  async #tell(): Promise<void> {
    const { management, host, agent, fence } = this.#options;
    const { hosts } = management;
    const { epoch } = fence;
    try {
      if (!this.#registered) {
        await hosts.register({ ...host, epoch });
        // The list grows by one that comes, so whoever comes clears it.
        await hosts.removeForgotten();
      }
      this.#registered = true;
      await hosts.heartbeat(host.id, await agent.health(), epoch);
    } catch (error) {
      if (!(error instanceof HostTaken)) throw error;
      if (!this.#registered) return fence.lose();
      // Another one has the host, or it was forgotten: registering it tells which.
      this.#registered = false;
      await this.#tell();
    }
  }

  /** A database may have come back on another port, also while the metadata store was away. */
  async #correctEndpoints(all: readonly Database[]): Promise<void> {
    const { management, agent, log } = this.#options;
    for (const listed of all) {
      const here = agent.get(listed.id)?.endpoint;
      if (!here || !listed.endpoint || isSame(listed.endpoint, here)) continue;
      const database = await this.#ownDatabase(listed);
      if (!database?.endpoint || isSame(database.endpoint, here)) continue;
      await management.databases.change(database, { endpoint: here }, this.#self);
      log.info('a database moved', { databaseId: database.id, ...here });
    }
  }

  /**
   * Whoever holds a database for too long has died. The record counts on before writes are taken again: from then on nobody who knew it as it
   * was can make another copy the one in use.
   */
  async #endHolds(all: readonly Database[]): Promise<void> {
    const { management, agent, maxHeldMs, log } = this.#options;
    for (const { config, heldSinceMs } of agent.processes()) {
      const { databaseId, heldBy } = config;
      if (!heldBy || performance.now() - heldSinceMs < maxHeldMs) continue;
      const listed = all.find(({ id }) => id === databaseId);
      const database = listed && (await this.#ownDatabase(listed));
      // It is on its way from here, or to here.
      if (!database) continue;
      await management.databases.change(database, {}, this.#self);
      await agent.hold(databaseId, { held: false, by: heldBy });
      log.warn('a database takes writes again: nobody let go of it', { databaseId, heldBy });
    }
  }

  get #self(): { readonly id: string; readonly epoch: number } {
    const { host, fence } = this.#options;
    return { id: host.id, epoch: fence.epoch };
  }

  /** As it stands now; undefined: it is not this host's any more. The list may be a moment old. */
  async #ownDatabase({ accountId, name, id }: Database): Promise<Database | undefined> {
    const database = await this.#options.management.databases.getDatabase(accountId, name, { fresh: true });
    return database?.id === id && database.hostId === this.#options.host.id ? database : undefined;
  }
}
