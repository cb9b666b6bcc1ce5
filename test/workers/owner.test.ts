import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { isGone, ownerName } from '../../workers/owner.ts';

test('an owner is gone when its process is, and only then', async () => {
  const mine = ownerName();
  assert.notEqual(mine, ownerName());
  assert.equal(isGone(mine), false);
  const child = spawn(process.execPath, ['--version'], { stdio: 'ignore' });
  await once(child, 'exit');
  const former = mine.replace(`/${process.pid}/`, `/${child.pid}/`);
  assert.equal(isGone(former), true);
  assert.equal(isGone(`another-${former}`), false);
  assert.equal(isGone('w1'), false);
});
