// The series of every database, as all regions know them. In a strict database they say what may be written; in a flexible one they
// follow what its process has, a moment later.

import { apiError } from '../base/errors.ts';
import { tables } from '../base/names.ts';
import type { SeriesDefinition } from '../kdb/engine.ts';
import { auditPut, type Deed } from './audit.ts';
import type { RecordCache } from './cache.ts';
import type { Changes } from './commit.ts';
import { ConditionFailed, type Dynamo, type TransactionItem } from './dynamo.ts';
import { type Entry, tombstone, versionedPut } from './entry.ts';
import type { Change } from './event.ts';
import { type Page, queryPage } from './page.ts';
import { loadEntry, recordKinds, seriesKey } from './record-kinds.ts';
import type { Database, Series } from './records.ts';
import { sameColumns } from './series-definition.ts';
import { closeHead, headUpdate, markCompared, readHead, type SeriesHead } from './series-head.ts';

/** A transaction takes 100 items and 4 MB: the head, and per series its item and its event. A series has up to 0.3 MB. */
const maxSeriesPerCommit = 49;
const maxCommitBytes = 1024 * 1024;
/** Others change the same series at the same time, each time. */
const maxAttempts = 5;

type Owner = Pick<Database, 'id' | 'name'>;

/** A series as it is to be; null: it is to be gone. `before` is what was read. */
interface Draft {
  readonly name: string;
  readonly before: Entry<Series>;
  readonly definition: SeriesDefinition | null;
}

interface ChangeOptions {
  /** That the database may have; null: any number. */
  readonly maxSeries: number | null;
  readonly deed: Deed;
}

interface SeriesCatalogueOptions {
  readonly dynamo: Dynamo;
  readonly cache: RecordCache<Series>;
  readonly changes: Changes;
  readonly clock: () => number;
}

export class SeriesCatalogue {
  readonly #dynamo: Dynamo;
  readonly #cache: RecordCache<Series>;
  readonly #changes: Changes;
  readonly #clock: () => number;
  /** The last commit of a database: the next one waits for it, or the two would refuse each other. */
  readonly #turns = new Map<string, Promise<unknown>>();

  constructor({ dynamo, cache, changes, clock }: SeriesCatalogueOptions) {
    this.#dynamo = dynamo;
    this.#cache = cache;
    this.#changes = changes;
    this.#clock = clock;
  }

  /** Through the cache; at once when this process knows it. */
  findSeries(databaseId: string, name: string): Series | null | Promise<Series | null> {
    return this.#cache.find(seriesKey({ databaseId, name }));
  }

  /** As DynamoDB has it now. */
  readSeries(databaseId: string, name: string): Promise<Entry<Series>> {
    return loadEntry(this.#dynamo, 'series', seriesKey({ databaseId, name }));
  }

  /** In the order of their names. */
  async *everySeries(databaseId: string): AsyncGenerator<Series, undefined> {
    for await (const page of this.#pages(databaseId)) yield* page;
  }

  async *#pages(databaseId: string): AsyncGenerator<readonly Series[], undefined> {
    let after: string | undefined;
    do {
      const { records, next } = await this.pageOfSeries(databaseId, after);
      yield records;
      after = next ?? undefined;
    } while (after !== undefined);
  }

  /** In the order of their names. */
  pageOfSeries(databaseId: string, after: string | undefined): Promise<Page<Series>> {
    return queryPage(
      this.#dynamo,
      {
        table: tables.series,
        partition: ['databaseId', databaseId],
        sort: 'name',
        after,
        // Neither the head nor what remains of removed series has it.
        filter: 'attribute_exists(createdAt)',
      },
      recordKinds.series.toRecord,
    );
  }

  /** Strict databases: Conflict when somebody changed the series since `before` was read. */
  async store(
    database: Owner,
    before: Entry<Series>,
    definition: SeriesDefinition,
    options: ChangeOptions,
  ): Promise<void> {
    if (before.record && sameColumns(before.record, definition)) return;
    await this.#change(database, { name: definition.series, before, definition }, options);
  }

  /** Strict databases: as `store`. */
  async remove(database: Owner, name: string, before: Entry<Series>, deed: Deed): Promise<void> {
    await this.#change(database, { name, before, definition: null }, { maxSeries: null, deed });
  }

  /**
   * Flexible databases: makes the items of these series say what `describe` finds in the database process (null: there is none). Each
   * item is read before the process is asked and written only if nobody changed it since: so an item never goes back to an older state,
   * however many follow at once. False: the database is gone.
   */
  async follow(
    databaseId: string,
    names: readonly string[],
    describe: (name: string) => Promise<SeriesDefinition | null>,
  ): Promise<boolean> {
    for (let at = 0; at < names.length; at += maxSeriesPerCommit) {
      const some = names.slice(at, at + maxSeriesPerCommit);
      if (!(await this.#followSome(databaseId, some, describe))) return false;
    }
    return true;
  }

  readHead(databaseId: string): Promise<SeriesHead> {
    return readHead(this.#dynamo, databaseId);
  }

  /** The items were found equal to the process's catalogue of this version, and nothing was changed since the head was read. */
  markCompared(databaseId: string, { changes }: SeriesHead, catalogueVersion: bigint): Promise<void> {
    return markCompared(this.#dynamo, databaseId, { changes, catalogueVersion: Number(catalogueVersion) });
  }

  /** For a database that is being removed. */
  async removeAll(databaseId: string): Promise<void> {
    await closeHead(this.#dynamo, databaseId, this.#clock());
    // One that was on its way when the head was closed either came before that or is refused.
    for await (const page of this.#pages(databaseId)) {
      const drafts = page.map((record): Draft => {
        return { name: record.name, before: { version: record.version, record }, definition: null };
      });
      for (const group of grouped(drafts)) await this.#changes.commit(...this.#parts(databaseId, group));
    }
  }

  async #change(database: Owner, draft: Draft, { maxSeries, deed }: ChangeOptions): Promise<void> {
    try {
      await this.#commit(database.id, [draft], maxSeries, [auditPut(deed, this.#clock())]);
    } catch (error) {
      if (!(error instanceof ConditionFailed)) throw error;
      if (!error.refused[0]) throw apiError('Conflict', { what: `Series ${draft.name}` }, { cause: error });
      if ((await this.readHead(database.id)).removed) throw apiError('DatabaseNotFound', { database: database.name });
      throw apiError(
        'TooManySeries',
        { database: database.name, limit: maxSeries ?? 0 },
        { extra: { limit: 'series' } },
      );
    }
  }

  async #followSome(
    databaseId: string,
    names: readonly string[],
    describe: (name: string) => Promise<SeriesDefinition | null>,
  ): Promise<boolean> {
    for (let attempt = 1; ; attempt++) {
      const before = await Promise.all(names.map((name) => this.readSeries(databaseId, name)));
      const found = await Promise.all(names.map(describe));
      const drafts = names
        .map((name, i): Draft => ({ name, before: before[i]!, definition: found[i]! }))
        .filter(({ before: { record }, definition }) =>
          record && definition ? !sameColumns(record, definition) : record !== definition,
        );
      try {
        for (const group of grouped(drafts)) await this.#commit(databaseId, group, null, []);
        return true;
      } catch (error) {
        if (!(error instanceof ConditionFailed)) throw error;
        if (error.refused[0]) return false;
        if (attempt === maxAttempts) throw apiError('Conflict', { what: 'A series' }, { cause: error });
      }
    }
  }

  /** The first item of the transaction is the head. */
  async #commit(
    databaseId: string,
    drafts: readonly Draft[],
    maxSeries: number | null,
    more: readonly TransactionItem[],
  ): Promise<void> {
    const added = drafts.reduce(
      (sum, { before, definition }) => sum + Number(!!definition) - Number(!!before.record),
      0,
    );
    const [items, changes] = this.#parts(databaseId, drafts);
    await this.#inTurn(databaseId, () =>
      this.#changes.commit([headUpdate(databaseId, added, maxSeries), ...items, ...more], changes),
    );
  }

  #parts(databaseId: string, drafts: readonly Draft[]): [TransactionItem[], Change[]] {
    const items: TransactionItem[] = [];
    const changes: Change[] = [];
    for (const { name, before, definition } of drafts) {
      const version = before.version + 1;
      const record = definition && this.#record(databaseId, definition, version, before.record);
      const item = record ?? tombstone({ databaseId, name }, version, this.#clock());
      items.push(versionedPut(tables.series, item, before.version));
      changes.push({ kind: 'series', key: seriesKey({ databaseId, name }), version, record });
    }
    return [items, changes];
  }

  #record(
    databaseId: string,
    { series, tags, fields }: SeriesDefinition,
    version: number,
    before: Series | null,
  ): Series {
    const createdAt = before?.createdAt ?? new Date(this.#clock()).toISOString();
    return { databaseId, name: series, tags, fields, version, createdAt };
  }

  async #inTurn(databaseId: string, commit: () => Promise<void>): Promise<void> {
    const turn = (this.#turns.get(databaseId) ?? Promise.resolve()).catch(() => {}).then(commit);
    this.#turns.set(databaseId, turn);
    try {
      await turn;
    } finally {
      if (this.#turns.get(databaseId) === turn) this.#turns.delete(databaseId);
    }
  }
}

/** What one transaction can take. */
function grouped(drafts: readonly Draft[]): Draft[][] {
  const groups: Draft[][] = [];
  let bytes = 0;
  for (const draft of drafts) {
    const size = columnBytes(draft.definition);
    const last = groups.at(-1);
    if (last && last.length < maxSeriesPerCommit && bytes + size <= maxCommitBytes) {
      last.push(draft);
      bytes += size;
    } else {
      groups.push([draft]);
      bytes = size;
    }
  }
  return groups;
}

function columnBytes(definition: SeriesDefinition | null): number {
  return definition ? Buffer.byteLength(JSON.stringify([definition.tags, definition.fields])) : 0;
}
