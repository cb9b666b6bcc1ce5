// system "…" [basics/syscmds]: the commands of q that kdb/q uses, and the shell for anything else.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chars, fail, int, list, nothing, notYet, type Q } from '../values.ts';

export interface QCommands {
  load(path: string): void;
  /** What stands behind \p, without it the port at present. */
  listen(at: string): void;
  readonly port: number;
  timer(ms: number): void;
  readonly timerMs: number;
  timeout(s: number): void;
  readonly timeoutS: number;
}

/** Names of commands: a letter, or two. What begins otherwise goes to the shell, and so `cd x && y` does not. */
const isCommand = /^(?:[abBcCdeEfglopPrsStTuvwWxz_12\\]|cd|ts)(?:\s+(.*))?$/s;

export function system(text: string, q: QCommands): Q {
  const found = isCommand.exec(text);
  if (!found) return shell(text);
  const given = (found[1] ?? '').trim();
  switch (text.split(/\s/, 1)[0]) {
    case 'l':
      q.load(given);
      return nothing;
    case 'p':
      if (given === '') return int(q.port);
      q.listen(given);
      return nothing;
    case 't':
      if (given === '') return int(q.timerMs);
      if (!/^\d+$/.test(given)) return notYet('\\t of an expression');
      q.timer(Number(given));
      return nothing;
    case 'T':
      if (given === '') return int(q.timeoutS);
      q.timeout(Number(given));
      return nothing;
    case 'cd':
      if (given === '') return chars(process.cwd());
      try {
        process.chdir(given);
      } catch {
        return fail(`${given}. OS reports: No such file or directory`);
      }
      return nothing;
    default:
      return notYet(`\\${text}`);
  }
}

/** As q does it: the output of the last command goes to a file, and the status is that of the whole. */
function shell(command: string): Q {
  const folder = mkdtempSync(join(tmpdir(), 'q-out-'));
  const output = join(folder, 'out');
  try {
    const { status } = spawnSync('/bin/sh', ['-c', `${command} > ${output}`], {
      stdio: ['inherit', 'inherit', 'inherit'],
    });
    if (status !== 0) return fail('os');
    const lines = readFileSync(output, 'latin1').split('\n');
    if (lines.at(-1) === '') lines.pop();
    return list(lines.map((line) => chars(line.replace(/\r$/, ''))));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
