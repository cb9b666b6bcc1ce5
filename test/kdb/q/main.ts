// usage: node test/kdb/q/main.ts [FOLDER | FILE.q …]: checks the scripts together, as one program.

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { calls, ownCalls } from '../../../src/kdb/contract.ts';
import { check, type Source } from './checker.ts';

export const scriptFolder = join(import.meta.dirname, '../../../kdb/q');

/** What access.q may name. */
export const allowedCalls = [...Object.keys(calls), ...Object.keys(ownCalls)];

export function sourcesOf(paths: readonly string[]): Source[] {
  return paths
    .flatMap((path) =>
      statSync(path).isDirectory()
        ? readdirSync(path)
            .filter((name) => name.endsWith('.q'))
            .sort()
            .map((name) => join(path, name))
        : [path],
    )
    .map((path) => ({ name: basename(path), text: readFileSync(path, 'utf8') }));
}

if (import.meta.main) {
  const given = process.argv.slice(2);
  const faults = check(sourcesOf(given.length > 0 ? given : [scriptFolder]), allowedCalls);
  for (const { file, line, rule, message } of faults) console.log(`${file}:${line}: ${rule}: ${message}`);
  process.exitCode = faults.length > 0 ? 1 : 0;
}
