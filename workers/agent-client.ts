import { type DatabaseReport, refusals, type WantedDatabase } from '../src/management/host-agent.ts';
import type { Endpoint } from '../src/management/records.ts';

/** Longer than the agent itself waits for a new process, or for an old one to end. */
const requestTimeoutMs = 30_000;

/** The host has no room for the database; another one may. */
export class HostRefused extends Error {}

/** The control port of host agents. */
export class AgentClient {
  readonly #secret: string;

  constructor(secret: string) {
    this.#secret = secret;
  }

  async putDatabase(agent: Endpoint, id: string, wanted: WantedDatabase, signal: AbortSignal): Promise<DatabaseReport> {
    return (await this.#call('PUT', agent, id, signal, wanted)) as DatabaseReport;
  }

  async deleteDatabase(agent: Endpoint, id: string, signal: AbortSignal): Promise<void> {
    await this.#call('DELETE', agent, id, signal);
  }

  async #call(method: string, agent: Endpoint, id: string, signal: AbortSignal, body?: object): Promise<unknown> {
    const response = await fetch(`http://${agent.host}:${agent.port}/databases/${id}`, {
      method,
      headers: { authorization: `Bearer ${this.#secret}`, 'content-type': 'application/json' },
      signal: AbortSignal.any([signal, AbortSignal.timeout(requestTimeoutMs)]),
      ...(body && { body: JSON.stringify(body) }),
    }).catch((error: Error) => {
      throw new Error('the agent of the host does not answer', { cause: error });
    });
    const answer = (await response.json().catch(() => ({}))) as { message?: string };
    if (response.ok) return answer;
    const cause = new Error(`${agent.host}:${agent.port} answers ${response.status}: ${answer.message ?? ''}`);
    throw Object.values<number>(refusals).includes(response.status)
      ? new HostRefused('the host refuses', { cause })
      : new Error('the agent of the host failed', { cause });
  }
}
