import type { Readable } from 'node:stream';
import {
  checksumHeader,
  type DatabaseReport,
  fileFaults,
  type HoldOptions,
  type HostHealth,
  refusals,
  type StartOptions,
  type WantedDatabase,
} from '../src/management/host-agent.ts';
import type { Endpoint } from '../src/management/records.ts';

/** Longer than the agent itself waits for a new process, or for an old one to end. */
const requestTimeoutMs = 30_000;

/** The host has no room for the database; another one may. */
export class HostRefused extends Error {}

/** The host does not have the database, or the database not the file. */
export class AgentNotFound extends Error {}

/** What arrived at the host does not have the checksum given. */
export class FileDamaged extends Error {}

/** The volume that a file was sent to has no room. */
export class VolumeFull extends Error {}

/** The database takes no files: it was started. */
export class NotFilling extends Error {}

/** The path of a file of a database: `<file>`, or `backup-<name>/<file>` as .tsg.backup lists it. */
export interface FileAt {
  readonly volume: number;
  readonly path: string;
}

/** The control port of host agents. Every call may be repeated. */
export class AgentClient {
  readonly #secret: string;

  constructor(secret: string) {
    this.#secret = secret;
  }

  async putDatabase(agent: Endpoint, id: string, wanted: WantedDatabase, signal: AbortSignal): Promise<DatabaseReport> {
    return (await this.#call('PUT', agent, `/databases/${id}`, signal, wanted)) as DatabaseReport;
  }

  /** AgentNotFound: the host does not have it. */
  async getDatabase(agent: Endpoint, id: string, signal: AbortSignal): Promise<DatabaseReport> {
    return (await this.#call('GET', agent, `/databases/${id}`, signal)) as DatabaseReport;
  }

  async deleteDatabase(agent: Endpoint, id: string, signal: AbortSignal): Promise<void> {
    await this.#call('DELETE', agent, `/databases/${id}`, signal);
  }

  /** Of one that was put with `filling`. It may be `starting` for long: what its journal holds is applied first. */
  async startDatabase(
    agent: Endpoint,
    id: string,
    options: StartOptions,
    signal: AbortSignal,
  ): Promise<DatabaseReport> {
    return (await this.#call('POST', agent, `/databases/${id}/start`, signal, options)) as DatabaseReport;
  }

  /** Once it is held, no write is on its way any more; it stays so when its process starts again. */
  async holdDatabase(agent: Endpoint, id: string, options: HoldOptions, signal: AbortSignal): Promise<DatabaseReport> {
    return (await this.#call('POST', agent, `/databases/${id}/hold`, signal, options)) as DatabaseReport;
  }

  async deleteBackup(agent: Endpoint, id: string, name: string, signal: AbortSignal): Promise<void> {
    await this.#call('DELETE', agent, `/databases/${id}/backups/${name}`, signal);
  }

  async health(agent: Endpoint, signal: AbortSignal): Promise<HostHealth> {
    return (await this.#call('GET', agent, '/health', signal)) as HostHealth;
  }

  /** The bytes of a file, as they come: what is not read holds them back. The signal ends it. */
  async getFile(
    agent: Endpoint,
    id: string,
    { volume, path }: FileAt,
    signal: AbortSignal,
    from = 0,
  ): Promise<ReadableStream<Uint8Array>> {
    const response = await this.#fetch('GET', agent, `/databases/${id}/files/${volume}/${path}`, signal, {
      ...(from > 0 && { headers: { range: `bytes=${from}-` } }),
    });
    return response.body!;
  }

  /** Resolves when the file lasts on the host's disk. The volume is one of the new database's, the path has no folder. */
  async putFile(
    agent: Endpoint,
    id: string,
    { volume, path }: FileAt,
    sha256: string,
    contents: Readable | ReadableStream<Uint8Array> | Uint8Array<ArrayBuffer>,
    signal: AbortSignal,
  ): Promise<void> {
    const response = await this.#fetch('PUT', agent, `/databases/${id}/files/${volume}/${path}`, signal, {
      headers: { [checksumHeader]: sha256 },
      body: contents as ReadableStream<Uint8Array>,
      duplex: 'half',
    });
    await response.arrayBuffer();
  }

  async #call(method: string, agent: Endpoint, path: string, signal: AbortSignal, body?: object): Promise<unknown> {
    const timed = AbortSignal.any([signal, AbortSignal.timeout(requestTimeoutMs)]);
    const response = await this.#fetch(method, agent, path, timed, {
      ...(body && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    });
    return response.json();
  }

  async #fetch(
    method: string,
    agent: Endpoint,
    path: string,
    signal: AbortSignal,
    init: RequestInit & { headers?: Record<string, string>; duplex?: 'half' },
  ): Promise<Response> {
    const response = await fetch(`http://${agent.host}:${agent.port}${path}`, {
      ...init,
      method,
      headers: { ...init.headers, authorization: `Bearer ${this.#secret}` },
      signal,
    }).catch((error: Error) => {
      throw new Error('the agent of the host does not answer', { cause: error });
    });
    if (response.ok) return response;
    const { message = '' } = (await response.json().catch(() => ({}))) as { message?: string };
    throw failure(
      response.status,
      new Error(`${agent.host}:${agent.port} answers ${method} ${path} with ${response.status}: ${message}`),
    );
  }
}

/** Only the cause names the host. */
function failure(status: number, cause: Error): Error {
  if (Object.values<number>(refusals).includes(status)) return new HostRefused('the host refuses', { cause });
  switch (status) {
    case fileFaults.notFound:
      return new AgentNotFound('the host does not have it', { cause });
    case fileFaults.isCorrupt:
      return new FileDamaged('a file did not arrive as it was sent', { cause });
    case fileFaults.volumeFull:
      return new VolumeFull('the volumes of the host have no room', { cause });
    case fileFaults.notFilling:
      return new NotFilling('the database takes no files', { cause });
    default:
      return new Error('the agent of the host failed', { cause });
  }
}
