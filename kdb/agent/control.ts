// The private control port of a host: workers ask here for databases and their files. Every call is safe to repeat.

import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { json } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import type { JSONSchemaType } from 'ajv';
import { createServer } from '../../src/base/http.ts';
import { type Check, checkOf, schemas } from '../../src/base/json-schema.ts';
import type { Log } from '../../src/base/log.ts';
import {
  checksumHeader,
  fileFaults,
  type HoldOptions,
  refusals,
  type StartOptions,
  type WantedDatabase,
} from '../../src/management/host-agent.ts';
import { type Agent, HostFull, HostLost, NoDatabase, NotFilling } from './agent.ts';
import { FileCorrupt, FileNotFound, type FileRange, type OpenedFile } from './database-files.ts';
import { TooFewVolumes } from './home.ts';

const maxBodyBytes = 4_096;

/** It becomes a directory name. */
const databaseId = /^[a-z0-9][a-z0-9-]{3,63}$/;

const isWanted = checkOf({
  type: 'object',
  required: ['volumes', 'schema', 'maxTagSets', 'maxSeries', 'memoryMb', 'user', 'password'],
  additionalProperties: false,
  properties: {
    volumes: { type: 'integer', minimum: 1, maximum: 64 },
    schema: { type: 'string', enum: ['flexible', 'strict'] },
    maxTagSets: { type: 'integer', nullable: true, minimum: 0 } as never,
    maxSeries: { type: 'integer', nullable: true, minimum: 0 } as never,
    memoryMb: { type: 'integer', nullable: true, minimum: 0 } as never,
    user: { type: 'string', minLength: 1, maxLength: 64 },
    password: { type: 'string', minLength: 16, maxLength: 128 },
    filling: { type: 'boolean', nullable: true },
  },
} satisfies JSONSchemaType<WantedDatabase>);
const isStart = checkOf<StartOptions>({
  type: 'object',
  required: ['recover'],
  additionalProperties: false,
  properties: {
    recover: {
      type: 'object',
      nullable: true,
      required: ['untilMs'],
      additionalProperties: false,
      properties: { untilMs: { type: 'integer', minimum: 0 } },
    },
    heldBy: { type: 'string', minLength: 1, maxLength: 100 },
  },
});
const holder = { type: 'string', minLength: 1, maxLength: 100 } as const;
const isHold = checkOf<HoldOptions>({
  type: 'object',
  required: ['held', 'by'],
  additionalProperties: false,
  properties: { held: { type: 'boolean' }, by: holder },
});

interface Answer {
  readonly status: number;
  readonly body: object;
}

interface ControlOptions {
  readonly agent: Agent;
  readonly secret: string;
  /** Ends this process in order; what supervises it starts it again. */
  readonly restart: () => void;
  readonly log: Log;
}

export function createControl({ agent, secret, restart, log }: ControlOptions): Server {
  const server = createServer((request, response) => {
    answer(request, agent, secret, restart)
      .then((result) => ('stream' in result ? sendFile(request, response, result) : send(response, result)))
      .catch((error: unknown) => {
        const status = statusOf(error);
        log.error('control', { method: request.method, path: request.url, status, error });
        // A file that breaks off says so by its length.
        if (response.headersSent) response.destroy();
        else send(response, { status, body: { message: error instanceof Error ? error.message : String(error) } });
      });
  });
  // A file takes as long as it takes; whoever sends nothing for so long is gone.
  server.requestTimeout = 0;
  server.timeout = 120_000;
  return server;
}

const noPath: Answer = { status: 404, body: { message: 'no such path' } };

async function answer(
  request: IncomingMessage,
  agent: Agent,
  secret: string,
  restart: () => void,
): Promise<Answer | OpenedFile> {
  if (!isAuthorised(request.headers.authorization, secret)) return { status: 401, body: { message: 'not authorised' } };
  // Not decoded: no name that is taken here needs it, and what is no such name is refused.
  const [, resource, id, part, ...path] = (request.url ?? '').split('/');
  if (resource === 'health' && id === undefined) return ofMethod(request, { GET: async () => agent.health() });
  // Later than this answer.
  if (resource === 'restart' && id === undefined)
    return ofMethod(request, { POST: async () => void setImmediate(restart) });
  if (resource !== 'databases') return noPath;
  if (id === undefined) return ofMethod(request, { GET: async () => ({ databases: agent.list() }) });
  if (!databaseId.test(id)) return noPath;
  if (part === 'files' && path.length >= 2) return answerFile(request, agent, id, path);
  if (part === 'backups' && path.length === 1)
    return ofMethod(request, { DELETE: () => agent.removeBackup(id, path[0]!) });
  if (path.length > 0) return noPath;
  switch (part) {
    case undefined:
      return ofMethod(request, {
        GET: async () => agent.get(id) ?? missing(id),
        PUT: async () => agent.put(id, await readBody(request, isWanted)),
        DELETE: () => agent.remove(id),
      });
    case 'start':
      return ofMethod(request, { POST: async () => agent.startFilled(id, await readBody(request, isStart)) });
    case 'hold':
      return ofMethod(request, { POST: async () => agent.hold(id, await readBody(request, isHold)) });
    default:
      return noPath;
  }
}

async function ofMethod(
  { method }: IncomingMessage,
  calls: Readonly<Record<string, () => Promise<unknown>>>,
): Promise<Answer> {
  const call = calls[method ?? ''];
  if (!call) return { status: 405, body: { message: `only ${Object.keys(calls).join(', ')}` } };
  return { status: 200, body: ((await call()) as object | undefined) ?? {} };
}

async function answerFile(
  request: IncomingMessage,
  agent: Agent,
  id: string,
  [volume, ...path]: readonly string[],
): Promise<Answer | OpenedFile> {
  if (!/^\d{1,2}$/.test(volume!)) return noPath;
  if (request.method === 'GET') {
    const file = await agent.readFile(id, Number(volume), path, rangeOf(request.headers.range));
    return file ?? { status: 416, body: { message: 'the range begins behind the end' } };
  }
  return ofMethod(request, {
    PUT: async () => {
      const sha256 = request.headers[checksumHeader];
      if (typeof sha256 !== 'string' || !/^[0-9a-f]{64}$/.test(sha256) || path.length !== 1)
        throw new BadRequest(`a file is sent with its SHA-256 in ${checksumHeader}`);
      // Destroyed, it would take the connection along, and the answer.
      await agent.writeFile(id, Number(volume), path[0]!, sha256, request.iterator({ destroyOnReturn: false }));
    },
  });
}

/** `bytes=<from>-` or `bytes=<from>-<to>`; any other is the whole file, as HTTP allows. */
function rangeOf(header: string | undefined): FileRange | null {
  const [, from, to] = /^bytes=(\d{1,15})-(\d{0,15})$/.exec(header ?? '') ?? [];
  if (from === undefined) return null;
  return { from: Number(from), to: to ? Number(to) : undefined };
}

/** The body is not what the call takes. */
class BadRequest extends Error {}

async function readBody<T>(request: IncomingMessage, check: Check<T>): Promise<T> {
  const isShort = Number(request.headers['content-length'] ?? Number.POSITIVE_INFINITY) <= maxBodyBytes;
  const given: unknown = isShort ? await json(request).catch(() => undefined) : undefined;
  if (!check(given)) throw new BadRequest(schemas.errorsText(check.errors));
  return given;
}

function missing(id: string): never {
  throw new NoDatabase(`there is no database ${id}`);
}

/** Digests have one length, so that the comparison tells nothing about the secret. */
function isAuthorised(header: string | undefined, secret: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(header ?? ''), digest(`Bearer ${secret}`));
}

function statusOf(error: unknown): number {
  if (error instanceof BadRequest) return 400;
  if (error instanceof HostLost) return 503;
  if (error instanceof HostFull) return refusals.hostFull;
  if (error instanceof TooFewVolumes) return refusals.tooFewVolumes;
  if (error instanceof NoDatabase || error instanceof FileNotFound) return fileFaults.notFound;
  if (error instanceof FileCorrupt) return fileFaults.isCorrupt;
  if (error instanceof NotFilling) return fileFaults.notFilling;
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOSPC' || code === 'EDQUOT' ? fileFaults.volumeFull : 500;
}

async function sendFile(
  request: IncomingMessage,
  response: ServerResponse,
  { bytes, from, to, stream }: OpenedFile,
): Promise<void> {
  const isPart = rangeOf(request.headers.range) !== null;
  response.writeHead(isPart ? 206 : 200, {
    'content-type': 'application/octet-stream',
    'content-length': to - from + 1,
    ...(isPart && { 'content-range': `bytes ${from}-${to}/${bytes}` }),
  });
  await pipeline(stream, response);
}

function send(response: ServerResponse, { status, body }: Answer): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  // A client that still sends reads no answer from a connection that is reset.
  response.req.resume();
}
