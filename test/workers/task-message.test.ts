import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Task } from '../../src/management/records.ts';
import type { TaskWish } from '../../src/tasks/queue.ts';
import type { Kinds } from '../../workers/kinds/index.ts';
import { type Kind, noParams } from '../../workers/kinds/kind.ts';
import { InvalidMessage, makeTask } from '../../workers/task-message.ts';
import { createActive, region } from '../management/region.ts';
import { testRegion } from './region.ts';

const kind: Kind = {
  lanes: 1,
  timeLimitMs: 60_000,
  maxAttempts: 3,
  params: noParams,
  run: async () => null,
  giveUp: async () => {},
};
const full = { type: 'object', additionalProperties: false, properties: { full: { type: 'boolean' } } };
const kinds: Kinds = { backup: { ...kind, params: full }, 'drain-host': kind, provision: kind };

test('what an operator wishes becomes a task, once, and is said in the audit', async (t) => {
  const { management } = await testRegion(t);
  const { database } = await createActive(management.databases, 'a1', 'plant');
  const announced: Task[] = [];
  const services = { management, announce: async (task: Task) => void announced.push(task) };
  const wish: TaskWish = { kind: 'backup', database: database.id, params: { full: true }, requestedBy: 'ann' };
  const make = (changed: Partial<TaskWish>, id = 'm1', here = region): Promise<Task> =>
    makeTask({ ...wish, ...changed }, id, { services, kinds, region: here });

  const task = await make({});
  assert.deepEqual(await make({}), task);
  assert.deepEqual(await management.tasks.getTask('ops-m1'), task);
  assert.deepEqual(
    [task.kind, task.databaseId, task.accountId, task.params],
    ['backup', database.id, 'a1', { full: true }],
  );
  assert.equal(announced.length, 2);
  const { entries } = await management.audit.listEntries({
    ...{ accountId: 'a1', fromMs: undefined, untilMs: undefined, limit: 10, after: undefined },
  });
  const [made] = entries.filter(({ action }) => action === 'create backup');
  assert.deepEqual([made?.by.operator, made?.by.userId, made?.subject.id], [true, 'ops:ann', 'ops-m1']);

  const service = await make({ kind: 'drain-host', database: null, params: {} }, 'm2');
  assert.equal(service.accountId, 'service');

  for (const [changed, reason, here] of [
    [{ params: { full: 'yes' } }, /params\/full must be boolean/],
    [{ params: { more: 1 } }, /additional properties/],
    [{ database: 'db-00000000000000000000' }, /no database/],
    [{ database: null }, /is about a database/],
    [{ kind: 'drain-host', params: {} }, /is about no database/],
    [{ kind: 'import' }, /no worker/],
    [{ kind: 'provision', params: {} }, /asked for by POST/],
    [{}, /is in eu-west-1, this is us-east-1/, 'us-east-1'],
  ] as const) {
    await assert.rejects(make(changed as Partial<TaskWish>, 'm3', here), (error) => {
      assert.ok(error instanceof InvalidMessage);
      assert.match(error.message, reason);
      return true;
    });
  }
  assert.equal(await management.tasks.getTask('ops-m3'), undefined);
});
