// kill -9 leaves what the kernel holds; only the order of system calls shows that an acknowledged insert is on the disk.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type TestContext, test } from 'node:test';
import { createEngineClient } from '../../../src/kdb/client.ts';
import { startDatabase } from '../../engines/database-process.ts';
import { batchOf, point } from '../../engines/points.ts';
import { volumesFor } from '../../engines/store-in-temp.ts';
import { notRun, requireProgram } from '../../programs.ts';

const inserts = 20;

test('the journal is written and synced before each insert is answered', async (t) => {
  if (!requireProgram(t, 'strace', 'apt-get install strace')) return;
  const volumes = volumesFor(t, 2);
  const database = await startDatabase(volumes, 'flexible');
  t.after(() => database.stop('SIGKILL'));
  const client = createEngineClient({ host: '127.0.0.1', port: database.port, user: 'u', password: 'p' });
  t.after(() => client.close());
  const insert = (i: number) => client.insert(batchOf([point('m', { host: `h${i % 3}` }, BigInt(i), { f: i })]));
  await insert(0);

  const log = join(volumes[0]!, 'strace');
  if (!(await traced(t, database.child.pid!, log))) return;
  for (let i = 1; i <= inserts; i++) await insert(i);
  await database.stop('SIGKILL');

  // In the order in which they happened: w the journal is written, s it is synced, r an answer goes out.
  const events = eventsOf(readFileSync(log, 'utf8'));
  assert.match(events, new RegExp(`^((w+s+)+r){${inserts}}`), events);
});

/** Attaches strace until the process ends. */
async function traced(t: TestContext, pid: number, log: string): Promise<boolean> {
  const calls = 'trace=fdatasync,fsync,write,writev,pwrite64,pwritev,pwritev2,sendto,sendmsg';
  const strace = spawn('strace', ['-f', '-yy', '-e', calls, '-o', log, '-p', String(pid)], { stdio: 'pipe' });
  t.after(() => strace.kill());
  const ended = once(strace, 'exit');
  const said: string[] = [];
  const attached = new Promise<true>((resolve) => {
    createInterface({ input: strace.stderr }).on('line', (line) => {
      said.push(line);
      if (line.includes('attached')) resolve(true);
    });
  });
  const isAttached = await Promise.race([attached, ended.then(() => false as const)]);
  return isAttached || notRun(t, `allow ptrace: ${said.join(' ')}`);
}

/** A call that another thread interrupts stands on two lines: it counts when it has returned, an answer when it begins. */
function eventsOf(trace: string): string {
  const begun = new Map<string, string>();
  let events = '';
  for (const line of trace.split('\n')) {
    const [, thread, rest] = /^(\d+) +(.*)$/.exec(line) ?? [];
    if (thread === undefined) continue;
    const isAnswer = /^(write|writev|sendto|sendmsg)\(\d+<TCP/.test(rest!);
    if (isAnswer) events += 'r';
    if (rest!.endsWith('<unfinished ...>')) begun.set(thread, rest!);
    const call = rest!.startsWith('<...') ? begun.get(thread)! : rest!;
    if (rest!.endsWith('<unfinished ...>') || !call.includes('/journal-')) continue;
    if (/^pwrite/.test(call) || /^write/.test(call)) events += 'w';
    if (/^f(data)?sync/.test(call) && /\) *= 0$/.test(rest!)) events += 's';
  }
  return events;
}
