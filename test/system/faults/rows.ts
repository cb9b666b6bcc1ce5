// What a task of each kind is asked to do, over and over, and what must have come of it although its worker was killed.

import assert from 'node:assert/strict';
import type { SQSClient } from '@aws-sdk/client-sqs';
import { deadLetters } from '../../../infra/ops/dead-letters.ts';
import { theService } from '../../../src/management/audit.ts';
import type { Management } from '../../../src/management/index.ts';
import type { Database, Task } from '../../../src/management/records.ts';
import type { TaskKind } from '../../../src/management/task-kinds.ts';
import { TaskQueue } from '../../../src/tasks/queue.ts';
import type { Service } from '../service.ts';
import { points, someLines } from './writer.ts';

export interface Row {
  /** Asks for another one: the task's id. Undefined: it cannot be asked for now. */
  begin(): Promise<string | undefined>;
  /** The task has ended well. */
  check(task: Task): Promise<unknown>;
  /** `failed` where that is what it comes to. */
  readonly end?: Task['state'];
}

export interface Operator {
  readonly service: Service;
  readonly management: Management;
  readonly sqs: SQSClient;
  /** A task that prepares another one. */
  readonly also: (id: string, kind: TaskKind) => void;
}

export const hostToDrain = 'to-drain';
export const movingDatabases = ['moving-0', 'moving-1', 'moving-2'];
/** In turns: in one database the commit of an import that stands still would hold up the one that is taken over. */
export const importedDatabases = ['imported-0', 'imported-1'];

export function rowsOf({ service, management, sqs, also }: Operator): Record<TaskKind, Row> {
  const { databases, tasks, hosts } = management;
  let last = 0;
  let imports = 0;
  /** Of databases that may go, of backups that may go. */
  const [spare, old]: [string[], string[]] = [[], []];
  let kept: string | undefined;
  const past = new Map<string, string>();
  let drain: string | undefined;

  async function record(name: string): Promise<Database> {
    return (await databases.getDatabase('local', name, { fresh: true }))!;
  }

  async function ask(path: string, body?: object, method = 'POST'): Promise<string> {
    const reply = await service.ask(path, { method, ...(body && { body }) });
    assert.equal(reply.status, 202, reply.text);
    return reply.json.task.id;
  }

  async function wish(kind: TaskKind, database: string | null, params: object = {}): Promise<string> {
    const id = database === null ? null : (await record(database)).id;
    return new TaskQueue(sqs).sendWish({ kind, database: id, params, requestedBy: 'test' });
  }

  async function gone(name: string): Promise<void> {
    assert.equal((await service.ask(`/v1/databases/${name}`)).status, 404);
  }

  async function isMoving(name: string): Promise<boolean> {
    const { id, accountId, move } = await record(name);
    return move !== null || (await tasks.unfinishedOf(id, accountId)).some(({ kind }) => kind === 'move');
  }

  async function count(database: string, series: string): Promise<number> {
    const asked = { from: '2000-01-01T00:00:00Z', aggregation: 'count', field: 'v' };
    return Number((await service.rows(database, series, asked))[0]?.[0] ?? 0);
  }

  return {
    provision: {
      begin: () => ask('/v1/databases', { name: `made-${++last}`, volumes: 2 }),
      async check({ databaseName }) {
        await service.write(databaseName!, someLines);
        spare.push(databaseName!);
      },
    },
    deprovision: {
      async begin() {
        const name = spare.shift();
        return name && ask(`/v1/databases/${name}?confirm=${name}`, undefined, 'DELETE');
      },
      check: ({ databaseName }) => gone(databaseName!),
    },
    'close-account': {
      async begin() {
        const { json } = await service.ask('/v1/accounts', { body: { name: `account ${++last}` } });
        const own = await service.as(json.token).ask('/v1/databases', { body: { name: 'own', volumes: 2 } });
        assert.equal(own.status, 202, own.text);
        return ask(`/v1/accounts/${json.account.id}?grace-hours=0`, undefined, 'DELETE');
      },
      async check({ accountId }) {
        const { status, closeTaskId } = (await management.accounts.getAccount(accountId))!;
        assert.deepEqual([status, closeTaskId], ['closed', null]);
        assert.deepEqual(await databases.listDatabases(accountId), []);
      },
    },
    'start-host': {
      end: 'failed',
      begin: () => wish('start-host', null),
      async check({ id, error }) {
        assert.match(error!, /start another host agent/);
        const letters = (await deadLetters(sqs)).filter(({ body }) => body.includes(id));
        assert.ok(letters.length > 0, 'no dead letter');
      },
    },
    import: {
      async begin() {
        const name = importedDatabases[imports++ % importedDatabases.length]!;
        const path = `/v1/databases/${name}/imports`;
        const text = someLines.replaceAll(/^m,/gm, `imported${++last},`);
        const id = await ask(path, { source: { upload: true }, format: 'line-protocol' });
        const { status } = await service.ask(`${path}/${id}/parts/1`, { method: 'PUT', body: Buffer.from(text) });
        assert.ok(status < 300);
        return ask(`${path}/${id}/start`);
      },
      check: async ({ result }) => assert.equal((result as { rows: number }).rows, points),
    },
    export: {
      begin: () => ask('/v1/databases/plant/exports', { series: 'm', format: 'line-protocol' }),
      async check({ id }) {
        const { json } = await service.ask(`/v1/databases/plant/exports/${id}`);
        assert.equal(json.rows, points);
        const texts = json.files.map(async ({ url }: { url: string }) => (await fetch(url)).text());
        assert.equal((await Promise.all(texts)).join('').split('\n').length, points + 1);
      },
    },
    backup: {
      begin: () => ask('/v1/databases/plant/backups', {}),
      async check({ result }) {
        const { backup } = result as { backup: string };
        const { json } = await service.ask(`/v1/backups/${backup}`);
        assert.equal(json.backup.status, 'complete');
        if (kept === undefined) kept = backup;
        else old.push(backup);
      },
    },
    restore: {
      begin: async () => kept && ask('/v1/restores', { backup: kept, name: `copy-${++last}`, volumes: 2 }),
      async check({ databaseName }) {
        assert.equal(await count(databaseName!, 'm'), points);
        spare.push(databaseName!);
      },
    },
    'restore-drill': {
      begin: async () => kept && wish('restore-drill', 'plant', { backup: kept }),
      check: async ({ result }) => assert.equal((result as { different: number }).different, 0),
    },
    'expire-backups': {
      async begin() {
        const backup = old.shift();
        return backup && ask(`/v1/backups/${backup}`, undefined, 'DELETE');
      },
      check: async () => assert.equal((await service.ask(`/v1/backups/${kept}`)).status, 200),
    },
    move: {
      async begin() {
        for (const name of movingDatabases) if (!(await isMoving(name))) return ask(`/v1/databases/${name}/move`, {});
        return undefined;
      },
      check: async ({ databaseName }) => assert.equal(await count(databaseName!, 'm'), points),
    },
    'drain-host': {
      async begin() {
        const before = drain === undefined ? undefined : await tasks.getTask(drain);
        // Until it has ended it may close the host again.
        if (drain !== undefined && before?.state !== 'succeeded') return undefined;
        if (await isMoving('leaving')) return undefined;
        if ((await record('leaving')).hostId === hostToDrain) {
          drain = await wish('drain-host', null, { host: hostToDrain });
          return drain;
        }
        await hosts.cordon(hostToDrain, false, theService);
        await hosts.setDrain(hostToDrain, null);
        also(await ask('/v1/databases/leaving/move', { host: hostToDrain }), 'move');
        return undefined;
      },
      check: async ({ result }) => assert.deepEqual(result, { moved: 1 }),
    },
    compaction: {
      begin: () => wish('compaction', 'plant'),
      check: async () => assert.equal(await count('plant', 'm'), points),
    },
    retention: {
      async begin() {
        const series = `past${++last}`;
        // Nothing that old is taken while it would go again.
        const keep = (retentionDays: number | null) =>
          service.ask('/v1/databases/plant', { method: 'PATCH', body: { retentionDays } });
        await keep(null);
        await service.write('plant', `${series} v=1 1000000000000000000`);
        await keep(3_650);
        const id = await wish('retention', 'plant');
        past.set(id, series);
        return id;
      },
      check: async ({ id }) => assert.equal(await count('plant', past.get(id)!), 0),
    },
  };
}
