// What a request costs when this process knows its token, account, user and database.

import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { getDatabase } from '../../src/api/databases.ts';
import type { Context } from '../../src/api/step.ts';
import { openApi } from './api.ts';

const { account, database, management, services } = await openApi({ after });
const { id, service } = await account('acme');
await database(id, 'plant');
const { json } = await service.ask('/v1/users', { body: { name: 'ann', role: 'member' } });
const { secret } = (await service.ask('/v1/tokens', { body: { name: 't', scopes: ['read'], user: json.user.id } }))
  .json;

/** A request that goes nowhere, step by step. */
function contextOf(): { context: Context; replies: string[] } {
  const replies: string[] = [];
  const context = {
    services,
    request: { method: 'GET', url: '/v1/databases/plant', headers: { authorization: `Bearer ${secret}` } },
    response: { writeHead: () => {}, end: (text: string) => replies.push(text) },
    requestId: 'r',
    params: { database: 'plant' },
  } as unknown as Context;
  return { context, replies };
}

test('no step waits, and DynamoDB is not asked', async () => {
  // Copies are believed for a second: a machine that takes longer for what follows tries again. So it does when somebody else asked.
  for (let round = 1; ; round++) {
    const warming = contextOf().context;
    for (const step of getDatabase) await step(warming);
    const startedMs = performance.now();
    const calls = management.cache.dynamoCalls();
    const { context, replies } = contextOf();
    for (let i = 0; i < 100; i++) {
      for (const step of getDatabase) {
        const waits = step(context) as unknown;
        if (waits !== undefined && performance.now() - startedMs < 900) assert.fail(`${step.name} waits`);
        await waits;
      }
    }
    if (performance.now() - startedMs > 900) continue;
    if (management.cache.dynamoCalls() !== calls && round < 10) continue;
    assert.equal(management.cache.dynamoCalls(), calls);
    assert.equal(replies.length, 100);
    assert.deepEqual([context.account?.name, context.user?.name, context.database?.name], ['acme', 'ann', 'plant']);
    return;
  }
});
