// Where the links are steered: GET / lists them, PUT /<name> changes one, by any of the members of `Way`.

import type { Server } from 'node:http';
import { json } from 'node:stream/consumers';
import type { JSONSchemaType } from 'ajv';
import { createServer } from '../../../src/base/http.ts';
import { checkOf } from '../../../src/base/json-schema.ts';
import type { Link, Way } from './link.ts';

const milliseconds = { type: 'number', minimum: 0, maximum: 600_000, nullable: true } as const;
const waySchema: JSONSchemaType<Partial<Way>> = {
  type: 'object',
  additionalProperties: false,
  properties: {
    state: { type: 'string', enum: ['open', 'held', 'cut'], nullable: true },
    upMs: milliseconds,
    downMs: milliseconds,
  },
};
const isWay = checkOf(waySchema);

export function createControl(links: readonly Link[]): Server {
  return createServer(async (request, response) => {
    const name = (request.url ?? '/').slice(1);
    const chosen = name === '' ? links : links.filter((link) => link.name === name);
    const change = request.method === 'PUT' ? await json(request).catch(() => undefined) : {};
    const status = chosen.length === 0 ? 404 : isWay(change) ? 200 : 400;
    if (status === 200) for (const link of chosen) link.change(change as Partial<Way>);
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(chosen.map((link) => link.report())));
  });
}
