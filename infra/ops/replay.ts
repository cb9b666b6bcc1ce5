// Stored batches once more: into another database what it lacks, into their own what was never applied.

import { buffer } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import type { ObjectStore } from '../../src/base/object-store.ts';
import { batchPrefixes, batchTimeMs, markerKey, outcomeKey, placeOf } from '../../src/ingest/batch-name.ts';
import type { BatchOutcome, RequestOutcome } from '../../src/ingest/outcome.ts';
import type { ReplayMarker } from '../../src/ingest/stored-batch.ts';
import type { Database } from '../../src/management/records.ts';
import { parseTimeRange } from '../../src/query/time-range.ts';
import type { Commands } from './command.ts';
import { accountOption } from './databases.ts';
import { recordReport } from './report.ts';
import type { Session } from './session.ts';
import { type AccountOption, findDatabase } from './subjects.ts';

const lookEveryMs = 500;
const dayMs = 86_400_000;

interface ReplayOptions extends AccountOption {
  readonly from: string;
  readonly until?: string;
  readonly into?: string;
  readonly follow?: boolean;
}

export function replayCommand(commands: Commands): void {
  commands.add<ReplayOptions>(commands.program, {
    name: 'replay <database>',
    does: 'queued writes of the last 14 days once more, in the order of their arrival; what a database has applied before changes nothing',
    example: 'replay plant --account acme --from -24h --into plant-restored --follow',
    options: (command) =>
      command
        .option(...accountOption)
        .option('--from <time>', 'of arrival: ISO 8601, or a span like -24h', '-24h')
        .option('--until <time>', 'of arrival; now when not given')
        .option('--into <database>', 'another database of the account, for example one that was restored')
        .option('--follow', 'until all of it is applied'),
    work: async (session, [wanted], options) => {
      const nowNs = BigInt(Date.now()) * 1_000_000n;
      const { fromNs, toNs } = parseTimeRange(options.from, options.until ?? new Date().toISOString(), nowNs);
      const source = await findDatabase(session, wanted!, options);
      const target = options.into === undefined ? source : await findDatabase(session, options.into, options);
      const names = await replay(session, source, target, Number(fromNs / 1_000_000n), Number(toNs / 1_000_000n));
      const outcomes = options.follow ? await untilApplied(session, target.id, names) : [];
      const count = (is: (outcome: RequestOutcome) => boolean): number => outcomes.filter(is).length;
      return recordReport({
        ...{ database: source.id, into: target.id, batches: names.length },
        ...(options.follow && {
          requests: outcomes.length,
          applied: count((outcome) => outcome.state === 'applied' && !outcome.repeated),
          knownBefore: count((outcome) => outcome.state === 'applied' && outcome.repeated === true),
          refused: count(({ state }) => state === 'refused'),
          dead: count(({ state }) => state === 'dead'),
        }),
      });
    },
  });
}

/** The names under which they wait. */
async function replay(
  session: Session,
  source: Database,
  { id, accountId, name: database }: Database,
  fromMs: number,
  untilMs: number,
): Promise<string[]> {
  const names: string[] = [];
  const suffix = `.r${Date.now().toString(36)}`;
  for await (const { key, name } of batchesOf(session.objects, source.id, fromMs, untilMs)) {
    session.signal.throwIfAborted();
    const marker: ReplayMarker = { batch: key, database: { id, accountId, name: database } };
    await session.objects.put(markerKey(id, name + suffix), JSON.stringify(marker));
    names.push(name + suffix);
  }
  if (names.length > 0) await session.ingestTopic.announce(id, `${id}${suffix}`);
  return names;
}

async function* batchesOf(
  objects: ObjectStore,
  databaseId: string,
  fromMs: number,
  untilMs: number,
): AsyncGenerator<{ key: string; name: string }> {
  for (let dayStartMs = Math.floor(fromMs / dayMs) * dayMs; dayStartMs < untilMs; dayStartMs += dayMs) {
    const day = new Date(dayStartMs).toISOString().slice(0, 10);
    for await (const { key } of objects.list(`${batchPrefixes.batches}${databaseId}/${day}/`)) {
      const place = placeOf(key);
      if (!place) continue;
      const atMs = batchTimeMs(place.name);
      if (atMs >= fromMs && atMs < untilMs) yield { key, name: place.name };
    }
  }
}

async function untilApplied(
  { objects, signal }: Session,
  databaseId: string,
  names: readonly string[],
): Promise<RequestOutcome[]> {
  const outcomes: RequestOutcome[] = [];
  for (const name of names) {
    while (await objects.head(markerKey(databaseId, name))) await delay(lookEveryMs, undefined, { signal });
    const text = (await buffer(await objects.get(outcomeKey(databaseId, name)))).toString();
    const { requests } = JSON.parse(text) as BatchOutcome;
    outcomes.push(...('state' in requests ? [requests] : requests));
  }
  return outcomes;
}
