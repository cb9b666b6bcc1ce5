// Plays q for the agent: takes q's arguments, watches its configuration instead of signals, does not mind the end of its input. Inside is the embedded engine.

import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const path = process.argv[process.argv.indexOf('-config') + 1]!;
const { volumes } = JSON.parse(readFileSync(path, 'utf8')) as { volumes: string[] };
const { QHOME, QLIC, TSG_AGENT_SECRET } = process.env;
writeFileSync(
  join(volumes[0]!, 'start.json'),
  JSON.stringify({ args: process.argv.slice(2), env: { QHOME, QLIC, TSG_AGENT_SECRET } }),
);

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
