import { once } from 'node:events';
import type { Server } from 'node:http';
import { createServer } from './http.ts';
import type { Metrics } from './metrics.ts';

const loopback = '127.0.0.1';

/** `GET /metrics` of a process that has no API: for whoever watches from the same machine. Undefined: on no port. */
export async function serveMetrics(metrics: Metrics, port: number | undefined): Promise<Server | undefined> {
  if (port === undefined) return undefined;
  const server = createServer((request, response) => {
    if (request.method !== 'GET' || request.url !== '/metrics') return void response.writeHead(404).end();
    metrics.text().then(
      (text) => response.writeHead(200, { 'Content-Type': metrics.contentType }).end(text),
      (error: Error) => response.writeHead(503, { 'Content-Type': 'text/plain' }).end(`${error.message}\n`),
    );
  }).listen(port, loopback);
  await once(server, 'listening');
  return server;
}
