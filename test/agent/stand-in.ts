// Stands in for a database process: the same arguments, the same signs of life, nothing inside. It notes its starts in its first directory.

import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

interface Config {
  readonly host: string;
  readonly port: number;
  readonly volumes: readonly string[];
  readonly heldBy: string | null;
}

const config = readConfig();
const home = config.volumes[0]!;
for (const directory of config.volumes) {
  if (!existsSync(directory)) fail(`the volume ${directory} is missing`);
}
if (existsSync(join(home, 'broken'))) fail('something is broken');
appendFileSync(join(home, 'starts'), `${process.pid}\n`);
process.on('SIGTERM', () => existsSync(join(home, 'deaf')) || process.exit(0));
process.stdin.on('end', () => process.exit(0)).resume();
process.on('SIGHUP', () => console.log(`configured ${readConfig().heldBy ?? ''}`));
// So many MiB outside of Node's heap, and after that inside of it.
const hungry = join(home, 'hungry');
if (existsSync(hungry))
  Object.assign(globalThis, { held: Buffer.alloc(Number(readFileSync(hungry, 'utf8')) << 20, 1) });
const greedy = join(home, 'greedy');
for (const kept: object[] = []; existsSync(greedy); ) kept.push(new Array(100_000).fill({}));
const slow = join(home, 'slow');
if (existsSync(slow)) writeFileSync(`${slow}.begun`, '');
while (existsSync(slow)) await delay(10);

const server = createServer((socket) => socket.on('error', () => {}).end('up'));
server.on('error', (error) => fail(error.message));
server.listen(config.port, config.host, () => {
  const address = server.address();
  console.log(`listening ${typeof address === 'object' && address ? address.port : 0}`);
});

function fail(reason: string): never {
  console.error(reason);
  process.exit(1);
}

function readConfig(): Config {
  return JSON.parse(readFileSync(process.argv[process.argv.indexOf('--config') + 1]!, 'utf8'));
}
