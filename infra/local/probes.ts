import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import type { ProbeAttempt } from './child.ts';

// When a process of the region is ready. Each throws while it is not.

export async function answers(url: string, { signal }: ProbeAttempt): Promise<void> {
  const response = await fetch(url, { signal });
  await response.arrayBuffer();
  if (!response.ok) throw new Error(`${url} answers ${response.status}`);
}

export async function accepts(port: number, { signal }: ProbeAttempt): Promise<void> {
  const socket = connect({ port, host: '127.0.0.1' });
  try {
    await once(socket, 'connect', { signal });
  } finally {
    socket.destroy();
  }
}

/** For a process that has no port: its log says so. */
export async function logs(message: string, path: string, { logOffset }: ProbeAttempt): Promise<void> {
  if (!readFileSync(path).subarray(logOffset).includes(`"message":"${message}"`))
    throw new Error(`no ${message} in ${path}`);
}

/** So that the first request after a start finds its database; but one that replays for long, or cannot start, is not waited for. */
const databasesPatienceMs = 10_000;

export async function runsDatabases(
  agent: string,
  secret: string,
  { signal, sinceSpawnMs }: ProbeAttempt,
): Promise<void> {
  const response = await fetch(`${agent}/databases`, { signal, headers: { authorization: `Bearer ${secret}` } });
  if (!response.ok) throw new Error(`${agent} answers ${response.status}`);
  const { databases } = (await response.json()) as { databases: readonly { state: string }[] };
  if (sinceSpawnMs < databasesPatienceMs && databases.some(({ state }) => state === 'starting'))
    throw new Error('databases are starting');
}
