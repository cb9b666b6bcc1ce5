import { once } from 'node:events';
import { connect } from 'node:net';

/** When a process of the region is ready. Each throws while it is not. */

export async function answers(url: string, signal: AbortSignal): Promise<void> {
  const response = await fetch(url, { signal });
  await response.arrayBuffer();
  if (!response.ok) throw new Error(`${url} answers ${response.status}`);
}

export async function accepts(port: number, signal: AbortSignal): Promise<void> {
  const socket = connect({ port, host: '127.0.0.1' });
  try {
    await once(socket, 'connect', { signal });
  } finally {
    socket.destroy();
  }
}
