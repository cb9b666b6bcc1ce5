import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const logModule = join(import.meta.dirname, '..', '..', 'src', 'base', 'log.ts');

// /dev/full answers every write as a full disk does; only Linux has it.
test('a full disk under the log does not end the process', { skip: !existsSync('/dev/full') }, () => {
  const full = openSync('/dev/full', 'w');
  const program = `
    const { createLog } = await import(${JSON.stringify(logModule)});
    const log = createLog('api', 'info');
    log.info('first');
    setTimeout(() => { log.info('second'); console.log('still here'); }, 50);
  `;
  const { status, stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', full],
    encoding: 'utf8',
    timeout: 30_000,
  });
  closeSync(full);
  assert.deepEqual([status, stdout], [0, 'still here\n']);
});

test('lines keep their order, errors are shown, and the last ones are there after an exit', () => {
  const program = `
    const { createLog, logAtOnce } = await import(${JSON.stringify(logModule)});
    const log = createLog('api', 'info');
    log.info('first', { rows: 1 });
    log.debug('unseen');
    log.error('second', { error: new Error('broken', { cause: new Error('why') }) });
    log.child({ database: 'db-1' }).info('third');
    logAtOnce(log, { level: 'info', message: 'fourth', rows: 2 });
    logAtOnce(log, { level: 'debug', message: 'unseen' });
    log.info('fifth', { error: Object.assign(new Error('of data', { cause: new Error('of data') }), { repeatsData: true }) });
    process.exit(3);
  `;
  const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' });
  assert.equal(status, 3);
  const lines = stderr
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.deepEqual(
    lines.map(({ process, level, message, rows, database }) => [process, level, message, rows ?? database]),
    [
      ['api', 'info', 'first', 1],
      ['api', 'error', 'second', undefined],
      ['api', 'info', 'third', 'db-1'],
      ['api', 'info', 'fourth', 2],
      ['api', 'info', 'fifth', undefined],
    ],
  );
  assert.deepEqual([lines[1].error.name, lines[1].error.cause.name], ['Error', 'Error']);
  assert.match(lines[1].error.stack, /broken/);
  assert.match(lines[4].error.stack, /^\n {4}at /);
  assert.doesNotMatch(JSON.stringify(lines[4]), /of data/);
  for (const { timestamp } of lines) assert.equal(new Date(timestamp).toISOString(), timestamp);
});
