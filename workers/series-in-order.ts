// The series of a database as its process has them, beside those that the management data say: page by page, in the order of their names.

import { compareNames } from '../src/base/name-order.ts';
import type { Engine, SeriesInfo } from '../src/kdb/engine.ts';
import type { Series } from '../src/management/records.ts';

const pageSeries = 1_000;

/** What stands under one name on either side, or both. */
export interface SeriesPair {
  readonly name: string;
  readonly found: SeriesInfo | undefined;
  readonly wanted: Series | undefined;
}

export async function* seriesInOrder(
  engine: Pick<Engine, 'series'>,
  defined: AsyncIterator<Series>,
): AsyncGenerator<SeriesPair> {
  const inProcess = seriesOf(engine);
  let [found, wanted] = [await inProcess.next(), await defined.next()];
  while (!found.done || !wanted.done) {
    const order = found.done ? 1 : wanted.done ? -1 : compareNames(found.value.series, wanted.value.name);
    yield {
      name: order <= 0 ? (found.value as SeriesInfo).series : (wanted.value as Series).name,
      found: order <= 0 ? found.value! : undefined,
      wanted: order >= 0 ? wanted.value : undefined,
    };
    if (order <= 0) found = await inProcess.next();
    if (order >= 0) wanted = await defined.next();
  }
}

async function* seriesOf(engine: Pick<Engine, 'series'>): AsyncGenerator<SeriesInfo, undefined> {
  let after: string | null = null;
  do {
    const page: Awaited<ReturnType<Engine['series']>> = await engine.series({ after, limit: pageSeries });
    yield* page.series;
    after = page.next;
  } while (after !== null);
}
