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
