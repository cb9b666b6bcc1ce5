// What the databases of this host have to do with their accounts, once a minute: what they store is measured, for the usage and the limit,
// and how many series and tag sets they may have is told to their processes. Once a day, what processes wrote of their use in days that are over is added up.

import { setTimeout as delay } from 'node:timers/promises';
import type { Log } from '../../src/base/log.ts';
import type { Management } from '../../src/management/index.ts';
import { processLimits } from '../../src/management/plans.ts';
import type { Database } from '../../src/management/records.ts';
import { dayOf } from '../../src/management/usage.ts';
import type { Agent } from './agent.ts';

const accountEveryMs = 60_000;

interface AccountingOptions {
  readonly management: Pick<Management, 'databases' | 'usage' | 'accounts' | 'clock'>;
  readonly hostId: string;
  readonly agent: Pick<Agent, 'limit'>;
  /** Asks the database's process. */
  readonly measure: (database: Database) => Promise<number>;
  readonly log: Log;
}

export class Accounting {
  readonly #options: AccountingOptions;
  readonly #stop = new AbortController();
  #kept: Promise<void> = Promise.resolve();
  /** The last day on which the usage was folded. */
  #foldedOn = '';

  constructor(options: AccountingOptions) {
    this.#options = options;
  }

  start(): void {
    this.#kept = this.#keepAccounting();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#kept;
  }

  async #keepAccounting(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      await this.account().catch((error: unknown) => {
        this.#options.log.warn('the accounts of the databases cannot be reached; it is tried again in a minute', {
          error,
        });
      });
      await delay(accountEveryMs, undefined, { signal: this.#stop.signal }).catch(() => {});
    }
  }

  /** A database that does not answer keeps its last sample and its limit. */
  async account(): Promise<void> {
    const { management, hostId, agent, measure, log } = this.#options;
    const today = dayOf(management.clock());
    const accountIds = new Set<string>();
    for (const database of await management.databases.databasesOfHost(hostId)) {
      if (this.#stop.signal.aborted) return;
      if (database.status !== 'active' || !database.endpoint) continue;
      accountIds.add(database.accountId);
      try {
        if (this.#foldedOn !== today) await management.usage.foldWork(database);
        await management.usage.setStored(database, await measure(database));
        const account = await management.accounts.findAccount(database.accountId);
        if (account) await agent.limit(database.id, processLimits(account, database.schema));
      } catch (error) {
        log.debug('a database could not be measured or limited', { databaseId: database.id, error });
      }
    }
    this.#foldedOn = today;
    // Their databases on other hosts, and in other regions, count too.
    for (const accountId of accountIds)
      await management.accounts.judgeStorage(accountId, await management.usage.storedBytes(accountId));
  }
}
