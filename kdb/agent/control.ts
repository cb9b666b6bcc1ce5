// The private control port of a host: workers ask here for databases. GET and DELETE are safe to repeat, and so is PUT.

import { createHash, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { json } from 'node:stream/consumers';
import { Ajv, type JSONSchemaType } from 'ajv';
import type { Log } from '../../src/base/log.ts';
import { refusals, type WantedDatabase } from '../../src/management/host-agent.ts';
import { type Agent, HostFull } from './agent.ts';
import { TooFewVolumes } from './home.ts';

const maxBodyBytes = 4_096;

/** It becomes a directory name. */
const databaseId = /^[a-z0-9][a-z0-9-]{3,63}$/;

const wantedSchema: JSONSchemaType<WantedDatabase> = {
  type: 'object',
  required: ['volumes', 'schema', 'maxTagSets', 'maxSeries', 'user', 'password'],
  additionalProperties: false,
  properties: {
    volumes: { type: 'integer', minimum: 1, maximum: 64 },
    schema: { type: 'string', enum: ['flexible', 'strict'] },
    maxTagSets: { type: 'integer', nullable: true, minimum: 0 } as never,
    maxSeries: { type: 'integer', nullable: true, minimum: 0 } as never,
    user: { type: 'string', minLength: 1, maxLength: 64 },
    password: { type: 'string', minLength: 16, maxLength: 128 },
  },
};
const isWanted = new Ajv().compile(wantedSchema);

interface Answer {
  readonly status: number;
  readonly body: object;
}

interface ControlOptions {
  readonly agent: Agent;
  readonly secret: string;
  readonly log: Log;
}

export function createControl({ agent, secret, log }: ControlOptions): Server {
  const server = createServer((request, response) => {
    answer(request, agent, secret).then(
      (result) => send(response, result),
      (error: unknown) => {
        const status = statusOf(error);
        log.error('control', { method: request.method, path: request.url, status, error });
        send(response, { status, body: { message: error instanceof Error ? error.message : String(error) } });
      },
    );
  });
  return server;
}

async function answer(request: IncomingMessage, agent: Agent, secret: string): Promise<Answer> {
  if (!isAuthorised(request.headers.authorization, secret)) return { status: 401, body: { message: 'not authorised' } };
  const [, resource, id, ...more] = (request.url ?? '').split('/');
  const named = id !== undefined && databaseId.test(id) && more.length === 0;
  if (resource !== 'databases' || (id !== undefined && !named))
    return { status: 404, body: { message: 'no such path' } };
  if (id === undefined) {
    if (request.method === 'GET') return { status: 200, body: { databases: agent.list() } };
    return { status: 405, body: { message: 'only GET' } };
  }
  switch (request.method) {
    case 'GET': {
      const report = agent.get(id);
      return report ? { status: 200, body: report } : { status: 404, body: { message: 'no such database' } };
    }
    case 'PUT': {
      const wanted = await readBody(request);
      if (!isWanted(wanted)) return { status: 400, body: { message: new Ajv().errorsText(isWanted.errors) } };
      return { status: 200, body: await agent.put(id, wanted) };
    }
    case 'DELETE':
      await agent.remove(id);
      return { status: 200, body: {} };
    default:
      return { status: 405, body: { message: 'only GET, PUT and DELETE' } };
  }
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  if (Number(request.headers['content-length'] ?? Number.POSITIVE_INFINITY) > maxBodyBytes) return undefined;
  return json(request).catch(() => undefined);
}

/** Digests have one length, so that the comparison tells nothing about the secret. */
function isAuthorised(header: string | undefined, secret: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(header ?? ''), digest(`Bearer ${secret}`));
}

function statusOf(error: unknown): number {
  if (error instanceof HostFull) return refusals.hostFull;
  return error instanceof TooFewVolumes ? refusals.tooFewVolumes : 500;
}

function send(response: ServerResponse, { status, body }: Answer): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
