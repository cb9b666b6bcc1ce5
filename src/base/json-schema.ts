import { Ajv2020 } from 'ajv/dist/2020.js';

/**
 * Compiles the schemas of this project. It checks keywords and the types of their values itself; to check each schema against the
 * meta-schema as well, which it would compile first, takes 110 ms of every start of a process.
 */
export const schemas = new Ajv2020({ strict: true, meta: false, validateSchema: false });
