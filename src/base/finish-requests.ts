import type { IncomingMessage, Server, ServerResponse } from 'node:http';

/** Node closes what is idle when it is asked to, and not what becomes idle later; a load balancer keeps its connections for minutes. */
const lookEveryMs = 50;

/** Accepts no more connections, and resolves when every request is answered and every connection closed. */
export async function finishRequests(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  // Whoever goes on asking is told to ask elsewhere.
  server.prependListener('request', (_request: IncomingMessage, response: ServerResponse) => {
    response.shouldKeepAlive = false;
  });
  server.closeIdleConnections();
  const looking = setInterval(() => server.closeIdleConnections(), lookEveryMs);
  await closed.finally(() => clearInterval(looking));
}
