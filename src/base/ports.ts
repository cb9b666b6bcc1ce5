import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

/** What this process chose for others, which do not listen yet. */
const given = new Set<number>();

/**
 * A free port below those that Linux (32768) and macOS (49152) give to outgoing connections: a process that is restarted
 * finds its port still free.
 */
export async function freePort(host: string): Promise<number> {
  for (;;) {
    const port = randomInt(20_000, 32_000);
    if (given.has(port) || (await portFault(host, port)) !== null) continue;
    given.add(port);
    return port;
  }
}

/** Null when something can listen there, else the code of the error: EADDRINUSE, EACCES … */
export async function portFault(host: string, port: number): Promise<string | null> {
  const server = createServer().listen(port, host);
  try {
    await once(server, 'listening');
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
  server.close();
  await once(server, 'close');
  return null;
}
