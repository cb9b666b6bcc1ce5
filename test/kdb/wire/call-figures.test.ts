import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CallFigures } from '../../../src/kdb/call-figures.ts';
import { EngineError } from '../../../src/kdb/engine-error.ts';

test('calls by lane, and failures by cause', async () => {
  const figures = new CallFigures();
  assert.equal(await figures.measure('.tsg.insert', async () => 7), 7);
  const failing = (error: Error) => figures.measure('.tsg.query', () => Promise.reject(error));
  await assert.rejects(failing(new EngineError('EngineBusy')));
  await assert.rejects(failing(new EngineError('EngineBusy')));
  await assert.rejects(failing(new TypeError('ours')));
  assert.deepEqual(
    Array.from(figures.durations(), ([labels, { counts }]) => [labels, counts.reduce((a, b) => a + b)]),
    [
      [{ call: '.tsg.insert', lane: 'write' }, 1],
      [{ call: '.tsg.query', lane: 'query' }, 3],
    ],
  );
  assert.deepEqual(figures.failures, { EngineBusy: 2, other: 1 });
});
