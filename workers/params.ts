import { schemas } from '../src/base/json-schema.ts';
import type { Kind } from './kinds/kind.ts';

/** What is wrong with a kind's parameters; undefined: nothing. */
export function paramsFault({ params: schema }: Pick<Kind, 'params'>, params: unknown): string | undefined {
  // Compiled once: ajv knows a schema by its object.
  return schemas.validate(schema, params) ? undefined : schemas.errorsText(schemas.errors, { dataVar: 'params' });
}
