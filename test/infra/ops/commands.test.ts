// Every command, against one running region.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { GetQueueUrlCommand, SendMessageCommand } from '@aws-sdk/client-sqs';
import type { Command } from 'commander';
import { createProgram } from '../../../infra/ops/program.ts';
import { createSqs } from '../../../src/tasks/queue.ts';
import { type LocalRegion, startRegion } from '../../system/region.ts';
import { Service } from '../../system/service.ts';
import { until } from '../../until.ts';

let region: LocalRegion;
before(async () => {
  region = await startRegion();
});
after(() => region?.stop());

interface Said {
  readonly exitCode: number;
  readonly text: string;
}

async function run(...args: string[]): Promise<Said> {
  const said: string[] = [];
  const outcome = { exitCode: 0, print: (text: string) => said.push(text) };
  const env = { TSG_DATA_DIR: region.dataDir };
  await createProgram(env, new AbortController().signal, outcome).parseAsync(['node', 'ops', ...args]);
  return { exitCode: outcome.exitCode, text: said.join('') };
}

/** What a command says to programs. */
async function ask(...args: string[]) {
  const { text, exitCode } = await run(...args, '--json');
  return { ...JSON.parse(text), exitCode };
}

function leaves(command: Command): Command[] {
  return command.commands.length === 0 ? [command] : command.commands.flatMap(leaves);
}

test('each command has help with an example', () => {
  const outcome = { exitCode: 0, print: () => {} };
  const program = createProgram({}, new AbortController().signal, outcome);
  const all = leaves(program);
  assert.ok(all.length >= 40, String(all.length));
  for (const command of [program, ...program.commands, ...all]) {
    const said: string[] = [];
    command.configureOutput({ writeOut: (text) => said.push(text) }).outputHelp();
    const help = said.join('');
    assert.match(help, /Example:\n {2}npm run ops -- \w/, command.name());
    assert.match(help, /--region <name>/, command.name());
  }
});

test('accounts and tokens', async () => {
  const { record } = await ask('accounts', 'create', 'acme', '--plan', 'large');
  assert.match(record.token, /^tsg_/);
  assert.equal((await ask('accounts', 'set-plan', 'acme', 'standard')).record.plan, 'standard');
  assert.equal((await ask('accounts', 'suspend', record.id)).record.status, 'suspended');
  assert.equal((await ask('accounts', 'resume', 'acme')).record.status, 'active');
  await assert.rejects(run('accounts', 'show', 'nobody'), { code: 'AccountNotFound' });
  await assert.rejects(run('accounts', 'suspend', 'local'), { code: 'InvalidRequest' });
  assert.match((await run('accounts', 'list')).text, /acme +active +standard/);
  const token = (await ask('tokens', 'create', 't', '--account', 'acme', '--scopes', 'read')).record;
  const listed = await ask('tokens', 'list', '--account', 'acme');
  assert.deepEqual(listed.rows.map(({ name }: { name: string }) => name).toSorted(), ['first', 't']);
  assert.ok(!JSON.stringify(listed).includes('hash'));
  assert.equal((await ask('tokens', 'revoke', token.id, '--account', 'acme')).record.revoked, token.id);
  const reply = await fetch(`${region.url}/v1/databases`, { headers: { authorization: `Bearer ${token.secret}` } });
  assert.equal(reply.status, 401);
  await run('accounts', 'create', 'short');
  await assert.rejects(run('accounts', 'close', 'short', '--confirm', 'shirt'), { code: 'InvalidRequest' });
  assert.equal((await ask('accounts', 'close', 'short', '--confirm', 'short')).record.status, 'closing');
});

test('a database: filled, exported, backed up, restored, removed', async () => {
  assert.equal((await ask('databases', 'create', 'plant', '--follow')).record.state, 'succeeded');
  assert.equal((await ask('databases', 'list')).rows.length, 1);
  const database = (await ask('databases', 'show', 'plant')).record;
  assert.equal(database.status, 'active');
  assert.equal(database.password, undefined);
  const file = join(region.dataDir, 'cpu.csv');
  const rows = Array.from({ length: 100 }, (_, i) => `${1_700_000_000 + i},h${i % 4},${i}`);
  writeFileSync(file, `time,host,usage\n${rows.join('\n')}\n`);
  const how = ['--series', 'cpu', '--tag-columns', 'host', '--precision', 's', '--follow'];
  assert.equal((await ask('import', 'plant', file, ...how, '--dry-run')).record.result.rowsRead, 100);
  assert.equal((await ask('import', 'plant', file, ...how)).record.result.rows, 100);
  const exported = (await ask('export', 'plant', 'cpu', '--query', 'where=host=h1')).rows;
  assert.equal(exported[0].rows, 25);
  assert.equal((await fetch(exported[0].url)).status, 200);

  const { backup } = (await ask('backup', 'create', 'plant', '--follow')).record.result;
  assert.equal((await ask('backup', 'list', 'plant')).rows[0].id, backup);
  assert.equal((await ask('backup', 'list')).rows.length, 1);
  assert.equal((await ask('backup', 'show', backup)).record.rows, 100);
  assert.equal((await ask('backup', 'verify', backup)).exitCode, 0);
  assert.equal((await ask('restore', 'run', backup, '--as', 'again', '--follow')).record.result.rows, 100);
  assert.equal((await ask('restore', 'drill', 'plant', '--follow')).record.result.different, 0);
  assert.equal((await ask('backup', 'delete', backup, '--follow')).record.state, 'succeeded');

  await ask('schedules', 'set', 'plant', '--backup', '30 2 * * *', '--retention-days', '400');
  // Small parts of both databases are merged, without being asked for.
  assert.deepEqual((await ask('schedules', 'list')).rows.map(({ name }: { name: string }) => name).toSorted(), [
    ...['backup', 'compaction', 'compaction', 'retention'],
  ]);
  assert.equal((await ask('databases', 'delete', 'again', '--confirm', 'again', '--follow')).exitCode, 0);
  assert.ok((await ask('tasks', 'list', '--account', 'local')).rows.length >= 8);
});

test('the message of the README makes a task; one that cannot be done is a dead letter, given back and thrown away', async () => {
  const { id } = (await ask('databases', 'show', 'plant')).record;
  const endpoint = region.environment()['TSG_SQS_ENDPOINT'];
  const sqs = createSqs({ region: region.names[0]!, endpoint });
  const { QueueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName: 'tsg-bulk' }));
  const MessageBody = `{"kind":"backup","database":"${id}","params":{"full":true},"requestedBy":"ann"}`;
  const { MessageId } = await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody }));
  sqs.destroy();
  await until('a worker to make the task', () => ask('tasks', 'show', `ops-${MessageId}`).catch(() => undefined));
  const shown = await ask('tasks', 'show', `ops-${MessageId}`, '--follow');
  assert.equal(shown.record.state, 'succeeded');
  assert.equal(shown.record.requestedBy.userId, 'ops:ann');

  const failed = await ask('import', 'plant', 'https://127.0.0.1/a.csv', '--series', 'a', '--follow');
  assert.equal(failed.exitCode, 1);
  const task = failed.record.id;
  const [letter] = await until('its dead letter', async () => {
    const { rows } = await ask('dlq', 'list');
    return rows.length > 0 && rows;
  });
  assert.match((await ask('dlq', 'show', letter.id)).record.body, new RegExp(task));
  assert.match((await run('dlq', 'redrive', letter.id)).text, /is queued again/);
  assert.equal((await ask('tasks', 'show', task, '--follow')).exitCode, 1);
  await until('it to come back', async () => (await ask('dlq', 'list')).rows.length === 1);
  assert.equal((await ask('dlq', 'remove', '--all')).rows.length, 1);
  assert.equal((await run('dlq', 'list')).text, 'none\n');
  assert.equal((await ask('tasks', 'retry', task, '--follow')).exitCode, 1);
});

test('hosts', async () => {
  const [host] = (await ask('hosts', 'list')).rows;
  assert.equal((await ask('hosts', 'show', host.id)).databases[0].name, 'plant');
  await run('hosts', 'cordon', host.id);
  assert.match((await run('hosts', 'list')).text, /cordoned/);
  // It waits for a host.
  const { id } = (await ask('databases', 'create', 'later')).record;
  assert.ok((await ask('tasks', 'list')).rows.some((task: { id: string }) => task.id === id));
  assert.equal((await ask('tasks', 'cancel', id)).exitCode, 0);
  await run('hosts', 'uncordon', host.id);
  const before = region.pids().agent;
  assert.equal((await ask('hosts', 'roll', '--no-drain')).rows[0].outcome, 'replaced');
  assert.notEqual(region.pids().agent, before);
  assert.equal((await ask('feed')).rows[0].what, 'outbox');
  assert.equal((await ask('cache', 'verify', '--repair')).exitCode, 0);
});

test('queued writes are replayed: into their own database nothing changes, another one gets all', async () => {
  const service = new Service(region.url, region.adminToken);
  for (const name of ['source', 'target']) await service.database(name);
  const write = (body: string) => service.ask('/v1/databases/source/write?ack=queued', { body });
  const replies = [await write('a v=1 1'), await write('a v=2 1\na v=3 2')];
  for (const { json } of replies)
    await until('it to be applied', async () => {
      const { json: found } = await service.ask(`/v1/databases/source/receipts/${json.receipt}`);
      return found.state === 'applied';
    });
  await service.write('source', 'a v=4 2');
  const { record: same } = await ask('replay', 'source', '--follow');
  assert.deepEqual([same.batches, same.requests, same.applied, same.knownBefore], [2, 2, 0, 2]);
  const values = async (name: string) => (await service.rows(name, 'a')).map((row) => row[1]);
  assert.deepEqual(await values('source'), [2, 4]);
  const { record: other } = await ask('replay', 'source', '--from', '-1h', '--into', 'target', '--follow');
  assert.deepEqual([other.batches, other.applied, other.refused, other.dead], [2, 2, 0, 0]);
  assert.deepEqual(await values('target'), [2, 3]);
  const { record: none } = await ask('replay', 'source', '--from', '-14d', '--until', '-1h');
  assert.equal(none.batches, 0);
});
