import { Ajv } from 'ajv';
import type { Kind } from './kinds/kind.ts';

const ajv = new Ajv();

/** What is wrong with a kind's parameters; undefined: nothing. */
export function paramsFault({ params: schema }: Pick<Kind, 'params'>, params: unknown): string | undefined {
  // Compiled once: ajv knows a schema by its object.
  return ajv.validate(schema, params) ? undefined : ajv.errorsText(ajv.errors, { dataVar: 'params' });
}
