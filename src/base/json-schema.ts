import { Ajv2020, type ErrorObject, type JSONSchemaType, type Schema } from 'ajv/dist/2020.js';

/**
 * Compiles the schemas of this project. It checks keywords and the types of their values itself; to check each schema against the
 * meta-schema as well, which it would compile first, takes 110 ms of every start of a process.
 */
export const schemas = new Ajv2020({ strict: true, meta: false, validateSchema: false });

export interface Check<T> {
  (value: unknown): value is T;
  /** Of the last value. */
  errors?: ErrorObject[] | null;
}

/** The schema is compiled when the first value comes: those of the API together take a tenth of a start of it. */
export function checkOf<T>(schema: Schema | JSONSchemaType<T>): Check<T> {
  const check: Check<T> = (value): value is T => {
    // ajv keeps what it has compiled.
    const validate = schemas.compile<T>(schema);
    const isValid = validate(value);
    check.errors = validate.errors ?? null;
    return isValid;
  };
  return check;
}
