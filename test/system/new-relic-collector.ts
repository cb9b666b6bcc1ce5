// Speaks as much of the protocol of New Relic's agents as lets one connect and send what it has.

import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { gunzipSync, inflateSync } from 'node:zlib';

export interface Collector {
  readonly port: number;
  readonly certificate: string;
  /** Bodies by method, in the order of their arrival. */
  readonly received: ReadonlyMap<string, readonly string[]>;
  close(): void;
}

const answers: Readonly<Record<string, (port: number) => unknown>> = {
  preconnect: (port) => ({ redirect_host: `localhost:${port}` }),
  connect: () => ({ agent_run_id: 'run-1', entity_guid: 'entity-1', request_headers_map: {} }),
};

export async function startCollector(folder: string): Promise<Collector> {
  const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')];
  const wanted = 'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=localhost';
  const made = spawnSync('openssl', [
    ...wanted.split(' '),
    ...['-addext', 'subjectAltName=DNS:localhost', '-keyout', key, '-out', certificate],
  ]);
  if (made.status !== 0) throw new Error(String(made.stderr));
  const received = new Map<string, string[]>();
  const server = createServer(
    { key: readFileSync(key), cert: readFileSync(certificate) },
    async (request, response) => {
      const method = new URL(request.url!, 'https://localhost').searchParams.get('method') ?? '';
      const bytes = Buffer.concat(await request.toArray());
      const encoding = request.headers['content-encoding'];
      const body = encoding === 'gzip' ? gunzipSync(bytes) : encoding === 'deflate' ? inflateSync(bytes) : bytes;
      received.set(method, [...(received.get(method) ?? []), body.toString()]);
      const { port } = server.address() as AddressInfo;
      response.setHeader('Content-Type', 'application/json');
      response.end(JSON.stringify({ return_value: answers[method]?.(port) ?? null }));
    },
  ).listen(0);
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    certificate,
    received,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}
