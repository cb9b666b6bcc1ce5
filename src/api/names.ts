import { apiError } from '../base/errors.ts';
import { nameFault } from '../base/limits.ts';
import type { Context } from './step.ts';

export function requireName(name: string): void {
  const reason = nameFault(name);
  if (reason) throw apiError('InvalidName', { name, reason });
}

/** Step: what stands in the path could be a name or an id. To DynamoDB a key that is empty or too long would be a mistake of ours. */
export function requirePathNames({ params }: Context): void {
  for (const parameter in params) requireName(params[parameter]!);
}
