import type { CallName } from '../contract.ts';
import { asof } from './asof.ts';
import { insert, inserts } from './insert.ts';
import { explain, latest, query } from './query.ts';
import { define, describe, drop, series, stats, tags } from './series.ts';
import { backup, checkpoint, compact, deletion, hello, retain, tail } from './upkeep.ts';

export { badCall, badReply, readRequest, requestFrame } from './request.ts';

/** The codec of every call of contract.ts. */
export const codecs = {
  '.tsg.hello': hello,
  '.tsg.define': define,
  '.tsg.drop': drop,
  '.tsg.describe': describe,
  '.tsg.insert': insert,
  '.tsg.inserts': inserts,
  '.tsg.query': query,
  '.tsg.explain': explain,
  '.tsg.latest': latest,
  '.tsg.asof': asof,
  '.tsg.tags': tags,
  '.tsg.series': series,
  '.tsg.stats': stats,
  '.tsg.delete': deletion,
  '.tsg.retain': retain,
  '.tsg.compact': compact,
  '.tsg.checkpoint': checkpoint,
  '.tsg.backup': backup,
  '.tsg.tail': tail,
} as const satisfies Record<CallName, { readonly name: CallName }>;
