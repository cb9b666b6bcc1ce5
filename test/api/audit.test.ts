// Every change leaves an entry that says who made it, and none holds a secret.

import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { ScanCommand } from '@aws-sdk/lib-dynamodb';
import { tables } from '../../src/base/names.ts';
import type { Service } from '../system/service.ts';
import { openApi } from './api.ts';

const { account, database, operator, management } = await openApi({ after }, { config: { trustedProxies: 1 } });
const acme = await account('acme');
const secrets = [acme.service.token, operator.token];

interface Entry {
  readonly action: string;
  readonly subject: { readonly kind: string; readonly name: string };
  readonly details?: Record<string, unknown>;
  readonly by: Record<string, string | null>;
}

async function entries(service: Service, query = ''): Promise<Entry[]> {
  const reply = await service.ask(`/v1/audit${query}`);
  assert.equal(reply.status, 200, reply.text);
  return reply.json.entries;
}

let user = '';
let token = '';

/** What is done, and the entry that it leaves: action, kind and name of the subject. */
const deeds: readonly (readonly [string, () => Promise<{ status: number; text: string }>, string, string, string])[] = [
  [
    'a user is created',
    async () => {
      const reply = await acme.service.ask('/v1/users', { body: { name: 'ann', role: 'owner' } });
      user = reply.json.user.id;
      return reply;
    },
    'createUser',
    'user',
    'ann',
  ],
  [
    'another owner',
    () => acme.service.ask('/v1/users', { body: { name: 'bob', role: 'owner' } }),
    'createUser',
    'user',
    'bob',
  ],
  [
    'a role is changed',
    () => acme.service.ask(`/v1/users/${user}`, { method: 'PATCH', body: { role: 'viewer' } }),
    'changeUser',
    'user',
    'ann',
  ],
  [
    'a token is created',
    async () => {
      const reply = await acme.service.ask('/v1/tokens', { body: { name: 'reader', scopes: ['read'], user } });
      token = reply.json.token.id;
      secrets.push(reply.json.secret);
      return reply;
    },
    'createToken',
    'token',
    'reader',
  ],
  [
    'a token is revoked',
    () => acme.service.ask(`/v1/tokens/${token}`, { method: 'DELETE' }),
    'revokeToken',
    'token',
    'reader',
  ],
  ['a user is removed', () => acme.service.ask(`/v1/users/${user}`, { method: 'DELETE' }), 'removeUser', 'user', 'ann'],
  [
    'a database is created',
    () => acme.service.ask('/v1/databases', { body: { name: 'mill' } }),
    'createDatabase',
    'database',
    'mill',
  ],
  [
    'a series is defined',
    async () => {
      await database(acme.id, 'plant');
      return acme.service.ask('/v1/databases/plant/series/cpu', { method: 'PUT', body: { tags: ['host'] } });
    },
    'defineSeries',
    'series',
    'cpu',
  ],
  [
    'a series is dropped',
    () => acme.service.ask('/v1/databases/plant/series/cpu', { method: 'DELETE' }),
    'dropSeries',
    'series',
    'cpu',
  ],
  [
    'a database is deleted',
    () => acme.service.ask('/v1/databases/plant?confirm=plant', { method: 'DELETE' }),
    'deleteDatabase',
    'database',
    'plant',
  ],
  [
    'a limit is changed',
    () => operator.ask(`/v1/accounts/${acme.id}`, { method: 'PATCH', body: { limits: { databases: 3 } } }),
    'changeAccount',
    'account',
    'acme',
  ],
  [
    'an account is closed',
    () => operator.ask(`/v1/accounts/${acme.id}`, { method: 'DELETE' }),
    'closeAccount',
    'account',
    'acme',
  ],
  [
    'an account is opened again',
    () => operator.ask(`/v1/accounts/${acme.id}`, { method: 'PATCH', body: { status: 'active' } }),
    'changeAccount',
    'account',
    'acme',
  ],
];

for (const [title, act, action, kind, name] of deeds) {
  test(title, async () => {
    const before = await entries(operator, `?account=${acme.id}`);
    const reply = await act();
    assert.ok(reply.status < 300, reply.text);
    const now = await entries(operator, `?account=${acme.id}`);
    const entry = now[0]!;
    // Entries of one millisecond have no order; `plant` is made on the way.
    const added = now.slice(0, now.length - before.length);
    const found = added.find((each) => each.action === action && each.subject.name === name) ?? entry;
    assert.deepEqual([found.action, found.subject.kind, found.subject.name], [action, kind, name]);
    assert.ok(found.by['token'] && found.by['requestId'] && found.by['region'], JSON.stringify(found));
  });
}

test('the first entries are the account and its first token', async () => {
  const actions = (await entries(acme.service)).map(({ action }) => action).slice(-2);
  assert.deepEqual(actions.toSorted(), ['createAccount', 'createToken']);
});

test('what changed is told: the roles, the limits', async () => {
  const all = await entries(acme.service);
  const changed = all.find(({ action }) => action === 'changeUser')!;
  assert.deepEqual(changed.details, { role: 'viewer', before: 'owner' });
});

test('who it was: a user, a token of the account, the operator, whose address and token customers do not see', async () => {
  const { json } = await acme.service.ask('/v1/users', { body: { name: 'cyd', role: 'owner' } });
  const made = await acme.service.ask('/v1/tokens', { body: { name: 't', scopes: ['manage'], user: json.user.id } });
  const headers = { 'X-Forwarded-For': '198.51.100.9, 203.0.113.7' };
  await acme.service.as(made.json.secret).ask('/v1/users', { body: { name: 'dot', role: 'viewer' }, headers });
  const [entry] = (await entries(acme.service)).filter(({ subject }) => subject.name === 'dot') as [Entry];
  // The last address is the trusted proxy's caller; what stands before it is whatever the caller wrote.
  assert.deepEqual(
    { ...entry.by, requestId: '' },
    {
      kind: 'user',
      user: json.user.id,
      token: made.json.token.id,
      address: '203.0.113.7',
      region: 'eu-west-1',
      requestId: '',
    },
  );
  const [byOperator] = (await entries(acme.service)).filter(({ action }) => action === 'closeAccount') as [Entry];
  assert.deepEqual([byOperator.by['kind'], byOperator.by['address'], byOperator.by['token']], ['operator', null, null]);
  const [seen] = (await entries(operator, `?account=${acme.id}`)).filter(({ action }) => action === 'closeAccount') as [
    Entry,
  ];
  assert.deepEqual([seen.by['kind'], seen.by['account'], seen.by['address'] !== null], ['operator', 'local', true]);
});

test('pages by cursor hold everything once; a range holds nothing else; a bad cursor is refused', async () => {
  const all = (await entries(acme.service)).length;
  let count = 0;
  let cursor: string | null = '';
  while (cursor !== null) {
    const page: { json: { entries: Entry[]; next: string | null } } = await acme.service.ask(
      `/v1/audit?limit=4${cursor && `&cursor=${cursor}`}`,
    );
    count += page.json.entries.length;
    cursor = page.json.next;
  }
  assert.equal(count, all);
  assert.deepEqual(await entries(acme.service, '?until=2020-01-01'), []);
  assert.equal((await entries(acme.service, '?from=-1h')).length, all);
  for (const query of ['cursor=x', 'limit=0', 'limit=1001', 'from=x', 'other=1'])
    assert.equal((await acme.service.ask(`/v1/audit?${query}`)).status, 400, query);
});

test('a refused change leaves no entry, and no entry holds a secret', async () => {
  const before = (await entries(acme.service)).length;
  assert.equal((await acme.service.ask('/v1/users', { body: { name: 'cyd', role: 'owner' } })).status, 409);
  assert.equal((await acme.service.ask('/v1/tokens/none', { method: 'DELETE' })).status, 404);
  assert.equal((await entries(acme.service)).length, before);
  const { Items } = await management.dynamo.send(new ScanCommand({ TableName: tables.audit }));
  const text = JSON.stringify(Items);
  assert.ok(Items!.length > 15);
  for (const secret of secrets) assert.ok(!text.includes(secret));
  for (const word of ['tsg_', 'password', 'hash']) assert.ok(!text.includes(word), word);
});
