// The command line over metadata alone: which region is meant, and what lists show.

import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { keepEnvironment } from '../../../infra/local/environment.ts';
import { createProgram } from '../../../infra/ops/program.ts';
import { theService } from '../../../src/management/audit.ts';
import { serviceAccountId } from '../../../src/management/task-item.ts';
import { openManagement, region } from '../../management/region.ts';
import { startDynoxide, temporaryFolder } from '../../servers.ts';

const dynoxide = await startDynoxide();
after(dynoxide.stop);
const { hosts, tasks, claims, clock, close } = await openManagement(dynoxide.endpoint);
after(close);
const folder = temporaryFolder();
after(folder.remove);
const west = 'us-west-1';

async function run(...args: string[]): Promise<string> {
  const said: string[] = [];
  const outcome = { exitCode: 0, print: (text: string) => said.push(text) };
  const env = { TSG_DATA_DIR: folder.path };
  await createProgram(env, new AbortController().signal, outcome).parseAsync(['node', 'ops', ...args]);
  return said.join('');
}

test('of several regions on one machine one is chosen; when none is, it is said which there are', async () => {
  await assert.rejects(run('hosts', 'list'), /no region runs on/);
  for (const name of [region, west])
    keepEnvironment(folder.path, name, {
      TSG_REGION: name,
      TSG_ZONE: 'a',
      TSG_OBJECT_STORE: 's3://none',
      TSG_DYNAMODB_ENDPOINT: dynoxide.endpoint,
    });
  await assert.rejects(run('hosts', 'list'), /choose one by --region: eu-west-1, us-west-1$/);
  await assert.rejects(run('hosts', 'list', '--region', 'mars'), /no region mars runs on/);
  for (const name of [region, west])
    assert.deepEqual(JSON.parse(await run('hosts', 'list', '--region', name, '--json')), { region: name, rows: [] });
});

test('a list of hosts says which one is being drained, and which one has been', async () => {
  const agent = { host: '127.0.0.1', port: 1 };
  const state = async (): Promise<string> =>
    (await run('hosts', 'list', '--region', region))
      .split('\n')
      .flatMap((line) => /^h1 +a +(.+?) {2,}/.exec(line)?.[1] ?? [])
      .join();
  await hosts.register({ id: 'h1', region, zone: 'a', agent, slots: 4, volumes: 2 });
  assert.equal(await state(), 'open');
  await hosts.cordon('h1', true, theService);
  assert.equal(await state(), 'cordoned');
  await hosts.setDrain('h1', { taskId: 't', done: false });
  assert.equal(await state(), 'draining, 0 left');
  await hosts.setDrain('h1', { taskId: 't', done: true });
  assert.equal(await state(), 'drained');
});

test('a list of tasks has what is not finished, then what the service itself had done in the region', async () => {
  const made = async (kind: 'start-host' | 'backup', accountId: string, where = region): Promise<string> => {
    clock.aheadMs += 1_000;
    const subject = { accountId, region: where };
    return (await tasks.createTask({ kind, subject, requestedBy: theService })).id;
  };
  const fail = async (id: string): Promise<string> => {
    await claims.fail((await claims.claim(id, 'w'))!, 'no empty slot');
    return id;
  };
  const failed = await fail(await made('start-host', serviceAccountId));
  await fail(await made('backup', 'a1'));
  await made('start-host', serviceAccountId, west);
  const waiting = await made('backup', 'a1');
  const list = async (...args: string[]): Promise<string[]> =>
    JSON.parse(await run('tasks', 'list', '--region', region, '--json', ...args)).rows.map(
      ({ id }: { id: string }) => id,
    );
  assert.deepEqual(await list(), [waiting, failed]);
  assert.deepEqual(await list('--kind', 'start-host'), [failed]);
  assert.deepEqual(await list('--state', 'queued'), [waiting]);
  assert.match(await run('tasks', 'list', '--region', region), /no empty slot/);
  await assert.rejects(list('--state', 'failed'), /--account <account>, or --account service/);
  assert.deepEqual(await list('--state', 'failed', '--account', serviceAccountId), [failed]);
});
