// Where in the journal of its database a write is: a later read says it, and is answered, also by another API process, by who has seen the write.

import { apiError } from '../base/errors.ts';
import type { InsertReceipt, Seen } from '../kdb/engine.ts';
import type { Context } from './step.ts';

const header = 'X-TSG-Position';

export function tellPosition({ response }: Pick<Context, 'response'>, { generation, offset }: InsertReceipt): void {
  response.setHeader(header, `${generation}-${offset}`);
}

export function askedPosition({ request }: Pick<Context, 'request'>): Seen {
  const text = request.headers[header.toLowerCase()];
  if (text === undefined) return {};
  const [, generation, offset] = /^(\d{1,18})-(\d{1,18})$/.exec(`${text}`) ?? [];
  if (generation === undefined)
    throw apiError('InvalidRequest', { reason: `${header} is not what a write was answered with` });
  return { position: { generation: BigInt(generation), offset: BigInt(offset!) } };
}
