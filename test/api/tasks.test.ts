import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { theService } from '../../src/management/audit.ts';
import { transact } from '../../src/management/dynamo.ts';
import type { Task } from '../../src/management/records.ts';
import { newTask, taskPut } from '../../src/management/task-item.ts';
import { openApi } from './api.ts';

const { account, database, management, operator } = await openApi({ after });
const { id: accountId, service } = await account('acme');
const plant = await database(accountId, 'plant');
const other = (await account('other')).service;

test('tasks in pages, the newest first, by state, kind and database', async () => {
  const made: Task[] = [];
  for (let i = 0; i < 25; i++) {
    management.clock.aheadMs += 1;
    const kind = i % 5 === 0 ? 'export' : 'import';
    made.unshift(await management.tasks.createTask({ kind, subject: plant, requestedBy: theService }));
  }
  const ids = async (query: string): Promise<string[]> => {
    const found: string[] = [];
    for (let cursor = ''; ; ) {
      const { status, json, text } = await service.ask(`/v1/tasks?${query}${cursor}`);
      assert.equal(status, 200, text);
      found.push(...json.tasks.map((task: { id: string }) => task.id));
      if (json.next === null) return found;
      cursor = `&cursor=${json.next}`;
    }
  };
  const idsOf = (wanted: (kind: string) => boolean): string[] =>
    made.filter(({ kind }) => wanted(kind)).map(({ id }) => id);
  assert.deepEqual(
    (await ids('limit=7')).slice(0, 25),
    idsOf(() => true),
  );
  assert.deepEqual(
    await ids('kind=export&limit=2'),
    idsOf((kind) => kind === 'export'),
  );
  assert.equal((await ids('database=plant&limit=4')).length, 26);
  assert.deepEqual(await ids('state=running'), []);
  assert.deepEqual(await ids('database=none'), []);
  for (const query of [
    'state=lost',
    'kind=none',
    'limit=0',
    'limit=1001',
    'cursor=YQ',
    'cursor=',
    'more=1',
    'state=queued&state=failed',
  ])
    assert.equal((await service.ask(`/v1/tasks?${query}`)).status, 400, query);
});

test('a task is looked at and cancelled by its account and the operator, by nobody else', async () => {
  const requestedBy = { ...theService, accountId: plant.accountId };
  const task = await management.tasks.createTask({ kind: 'import', subject: plant, requestedBy });
  const path = `/v1/tasks/${task.id}`;
  assert.equal((await other.ask(path)).status, 404);
  assert.equal((await other.ask(path, { method: 'DELETE' })).status, 404);
  const { json: reader } = await service.ask('/v1/tokens', { body: { name: 'reader', scopes: ['read'] } });
  assert.equal((await service.as(reader.secret ?? reader.token).ask(path, { method: 'DELETE' })).status, 403);
  await management.claims.claim(task.id, 'host/1/x');
  const seen = (await service.ask(path)).json.task;
  assert.deepEqual(
    [seen.state, seen.history.length, seen.history[0].owner, seen.leaseOwner],
    ['running', 1, undefined, undefined],
  );
  assert.equal((await operator.ask(path)).json.task.history[0].owner, 'host/1/x');
  const { status, json } = await service.ask(path, { method: 'DELETE' });
  assert.deepEqual([status, json.task.state, json.task.cancelRequested], [202, 'running', true]);
  const audit = (await service.ask('/v1/audit')).json.entries;
  assert.deepEqual([audit[0].action, audit[0].subject.id], ['cancelTask', task.id]);
  const queued = await management.tasks.createTask({ kind: 'import', subject: plant, requestedBy: theService });
  const refused = await service.ask(`/v1/tasks/${queued.id}`, { method: 'DELETE' });
  assert.deepEqual([refused.status, refused.json.code], [409, 'TaskNotCancellable']);
  const scheduled = {
    kind: 'backup',
    subject: plant,
    params: { reason: 'scheduled' },
    requestedBy: theService,
  } as const;
  const { id: backupId } = await management.tasks.createTask(scheduled);
  assert.equal((await service.ask(`/v1/tasks/${backupId}`, { method: 'DELETE' })).status, 202);
  assert.equal((await operator.ask(`/v1/tasks/${queued.id}`, { method: 'DELETE' })).json.task.state, 'cancelled');
  assert.equal((await service.ask('/v1/tasks/none', { method: 'DELETE' })).json.code, 'TaskNotFound');
});

test('what a database keeps and when it is backed up can be changed', async () => {
  const change = (body: object) => service.ask('/v1/databases/plant', { method: 'PATCH', body });
  const { status, json, text } = await change({ retentionDays: 90, schedules: { backup: '30 2 * * *' } });
  assert.equal(status, 200, text);
  assert.deepEqual(
    [json.database.retentionDays, json.database.schedules],
    [90, { backup: '30 2 * * *', retention: null }],
  );
  assert.equal((await change({ retentionDays: null })).json.database.schedules.backup, '30 2 * * *');
  for (const [body, code] of [
    [{}, 'InvalidRequest'],
    [{ name: 'x' }, 'InvalidRequest'],
    [{ retentionDays: 0 }, 'InvalidRequest'],
    [{ retentionDays: '1' }, 'InvalidRequest'],
    [{ schedules: { other: '0 0 * * *' } }, 'InvalidRequest'],
    [{ schedules: { backup: '* * * * *' } }, 'InvalidSchedule'],
    [{ schedules: { backup: 'x'.repeat(101) } }, 'InvalidRequest'],
  ] as const)
    assert.equal((await change(body)).json.code, code, JSON.stringify(body));
  const { json: audit } = await service.ask('/v1/audit');
  assert.deepEqual(audit.entries[0].details, { retentionDays: null });
  assert.equal((await other.ask('/v1/databases/plant', { method: 'PATCH', body: { retentionDays: 1 } })).status, 404);
});

test('an account has a thousand unfinished tasks at most', async () => {
  const subject = { accountId: 'busy', region: plant.region };
  for (let i = 0; i < 10; i++) {
    const puts = Array.from({ length: 100 }, () =>
      taskPut(newTask({ kind: 'import', subject, requestedBy: theService }, 0)),
    );
    await transact(management.dynamo, puts);
  }
  const more = management.tasks.createTask({ kind: 'import', subject, requestedBy: theService });
  await assert.rejects(more, { code: 'TooManyTasks', status: 429 });
});
