// Raw points page by page, for formats that need no end: as many as there are, in the memory that one page takes.

import type { QueryResult } from '../kdb/engine.ts';
import type { Plan } from './plan.ts';
import type { QueryRequest } from './request.ts';
import type { RunQuery } from './run.ts';

/** The first rows are there soon; later pages are as large as pays. */
const firstRows = 4_096;
const pageRows = 65_536;

/** Raw points in the order of time, all that there are. */
export function isPageable({ spec, finishing }: Plan, { limit }: QueryRequest): boolean {
  const isRaw = spec.select.length === 0 && spec.by.length === 0;
  return isRaw && limit === undefined && Object.keys(finishing).length === 0;
}

/** The first page is there when it resolves, so that what is wrong with the query is known by then. */
export async function pagesOf({ spec }: Plan, query: RunQuery): Promise<AsyncIterable<QueryResult>> {
  const first = await query({ ...spec, limit: firstRows, cut: true });
  return (async function* pages() {
    let page = first;
    yield page;
    while (page.next) {
      page = await query({ ...spec, limit: pageRows, cut: true, after: page.next });
      yield page;
    }
  })();
}
