import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { finished } from 'node:stream/promises';
import { type TestContext, test } from 'node:test';
import { lost, RotatingLog, readLines } from '../../kdb/agent/database-log.ts';
import { temporaryFolder } from '../servers.ts';
import { until } from '../until.ts';
import { directoriesOf, startsOf, testHost, wanted } from './host.ts';

function logFolder(t: TestContext): string {
  const folder = temporaryFolder();
  t.after(() => folder.remove());
  return join(folder.path, 'logs');
}

test('a log has so many files of its size, the newest lines first; it goes on where it was', (t) => {
  const folder = logFolder(t);
  const options = { folder, maxFileBytes: 12, files: 3 };
  for (let n = 10; n < 40; n++) new RotatingLog(options, 'db-1').write(`line ${n % 2 ? 'ä' : ''}${n}`);
  assert.deepEqual(readdirSync(folder).sort(), ['db-1.log', 'db-1.log.1', 'db-1.log.2']);
  const contents = ['', '.1', '.2'].map((end) => readFileSync(join(folder, `db-1.log${end}`), 'utf8'));
  assert.deepEqual(contents, ['line ä39\n', 'line 38\n', 'line ä37\n']);
  assert.equal(statSync(join(folder, 'db-1.log')).mode & 0o777, 0o600);
  new RotatingLog(options, 'db-1').remove();
  assert.deepEqual(readdirSync(folder), []);
});

test('a log of one file begins anew when it is full', (t) => {
  const folder = logFolder(t);
  const log = new RotatingLog({ folder, maxFileBytes: 12, files: 1 }, 'db-1');
  for (let n = 1; n <= 4; n++) log.write(`line ${n}`);
  assert.deepEqual(readdirSync(folder), ['db-1.log']);
  assert.equal(readFileSync(join(folder, 'db-1.log'), 'utf8'), 'line 4\n');
});

test('a log that cannot be written loses lines, says so, and goes on when it can', (t) => {
  const folder = logFolder(t);
  const path = join(folder, 'db-1.log');
  const log = new RotatingLog({ folder, maxFileBytes: 1_000, files: 4 }, 'db-1');
  const before = lost.lines;
  writeFileSync(folder, 'a file in the way');
  log.write('lost');
  rmSync(folder);
  log.write('kept');
  assert.equal(readFileSync(path, 'utf8'), 'kept\n');
  rmSync(folder, { recursive: true });
  mkdirSync(folder);
  // A disk without room.
  symlinkSync('/dev/full', path);
  log.write('lost');
  log.write('lost');
  rmSync(path);
  log.write('kept again');
  assert.equal(readFileSync(path, 'utf8'), 'kept again\n');
  assert.equal(lost.lines - before, 3);
});

const chunks: Record<string, readonly [chunks: readonly string[], lines: readonly string[]]> = {
  'lines in pieces': [
    ['a', 'b\nc', '\n\nd'],
    ['ab', 'c', '', 'd'],
  ],
  nothing: [[], []],
  'a line without an end': [
    [...Array.from({ length: 100 }, () => 'x'.repeat(1_000)), '\nnext\n'],
    [`${'x'.repeat(16_384)}…`, 'next'],
  ],
};

for (const [name, [given, expected]] of Object.entries(chunks)) {
  test(`${name} are read as they were written`, async () => {
    const stream = new PassThrough();
    const lines: string[] = [];
    readLines(stream, (line) => lines.push(line));
    for (const chunk of given) stream.write(chunk);
    stream.end();
    await finished(stream);
    assert.deepEqual(lines, expected);
  });
}

test('what a database writes goes to its file, whatever room its disk has; with the database, the file goes', async (t) => {
  const host = testHost(t);
  const folder = logFolder(t);
  const agent = host.agent({ logFiles: { folder, maxFileBytes: 1_000, files: 2 } });
  await agent.start();
  await agent.put('db-1', wanted);
  const [home] = directoriesOf(host, 'db-1');
  writeFileSync(join(home!, 'broken'), '');
  process.kill(startsOf(home!)[0]!, 'SIGTERM');
  const path = join(folder, 'db-1.log');
  await until('it has written', () => existsSync(path));
  assert.match(readFileSync(path, 'utf8'), /^something is broken\n/);
  rmSync(path);
  symlinkSync('/dev/full', path);
  rmSync(join(home!, 'broken'));
  await until('it runs', () => agent.get('db-1')?.state === 'running');
  await agent.remove('db-1');
  assert.deepEqual(readdirSync(folder), []);
});
