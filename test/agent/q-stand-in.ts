// Plays q for the agent: takes q's arguments, watches its configuration instead of signals, does not mind the end of its input. Inside a writer is the
// embedded engine; a reader passes on what it is asked, and ends when the writer does.

import { spawn } from 'node:child_process';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { join } from 'node:path';
import type { DatabaseConfig } from '../../kdb/database-config.ts';

const argument = (name: string): string => process.argv[process.argv.indexOf(name) + 1]!;
const path = argument('-config');
const config = JSON.parse(readFileSync(path, 'utf8')) as DatabaseConfig;
const { QHOME, QLIC, TSG_AGENT_SECRET } = process.env;
const role = argument('-role');
writeFileSync(
  join(config.volumes[0]!, `start-${role}.json`),
  JSON.stringify({ args: process.argv.slice(2), env: { QHOME, QLIC, TSG_AGENT_SECRET } }),
);

if (role === 'writer') write();
else read();

function write(): void {
  const main = join(import.meta.dirname, '../../kdb/embedded/main.ts');
  const engine = spawn(process.execPath, [main, '--config', path], { stdio: ['pipe', 'inherit', 'inherit'] });
  engine.on('exit', (code) => process.exit(code ?? 1));
  process.on('SIGTERM', () => engine.kill());

  let known = readFileSync(path, 'utf8');
  setInterval(() => {
    const text = readFileSync(path, 'utf8');
    if (text !== known) engine.kill('SIGHUP');
    known = text;
  }, 50);
}

function read(): void {
  const { host, port, user, password, volumes } = config;
  const follows = connect(port, host).on('error', () => process.exit(1));
  follows.on('close', () => process.exit(1));
  follows.write(`${user}:${password}\x03\0`);
  const server = createServer((client) => {
    appendFileSync(join(volumes[0]!, 'reader-connections'), 'one\n');
    const writer = connect(port, host);
    writer.on('error', () => client.destroy());
    client.on('error', () => writer.destroy());
    client.pipe(writer).pipe(client);
  });
  server.listen(Number(argument('-listen')), host, () => {
    process.stdout.write(`listening ${(server.address() as AddressInfo).port}\n`);
  });
}
