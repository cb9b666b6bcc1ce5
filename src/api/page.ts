import { apiError } from '../base/errors.ts';
import { nameFault } from '../base/limits.ts';
import type { Page } from '../management/page.ts';
import { single } from './schema.ts';
import type { Context } from './step.ts';

/** The parameter of a list in pages. */
export const cursor = single;

/** Where the page begins that is asked for. */
export function pageAfter(context: Context): string | undefined {
  const given = context.parameters!['cursor'] as string | undefined;
  if (given === undefined) return undefined;
  const place = Buffer.from(given, 'base64url').toString();
  if (nameFault(place)) throw apiError('InvalidRequest', { reason: 'cursor is not one that this route gave' });
  return place;
}

/** The cursor of the next page; null at the end. */
export function nextCursor({ next }: Pick<Page<unknown>, 'next'>): string | null {
  return next === null ? null : Buffer.from(next).toString('base64url');
}
