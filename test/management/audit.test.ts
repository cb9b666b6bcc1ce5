import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { Audit, auditPut, type Deed, theService } from '../../src/management/audit.ts';
import { transact } from '../../src/management/dynamo.ts';
import { startDynoxide } from '../servers.ts';
import { openManagement, testClock } from './region.ts';

const dynoxide = await startDynoxide();
after(() => dynoxide.stop());
const { dynamo, close } = await openManagement(dynoxide.endpoint);
after(close);
const clock = testClock();
const audit = new Audit({ dynamo, clock });

function deed(accountId: string, name: string): Deed {
  return { accountId, by: theService, action: 'createUser', subject: { kind: 'user', id: `u-${name}`, name } };
}

async function names(accountId: string, fromMs?: number, untilMs?: number): Promise<string[]> {
  const query = { accountId, fromMs, untilMs, limit: 100, after: undefined };
  return (await audit.listEntries(query)).entries.map(({ subject }) => subject.name);
}

test('an entry says who did what, and is one of its account alone', async () => {
  const by = {
    ...theService,
    accountId: 'a1',
    tokenId: 't1',
    address: '192.0.2.1',
    region: 'eu-west-1',
    requestId: 'r1',
  };
  await transact(dynamo, [auditPut({ ...deed('a1', 'ann'), by, details: { role: 'owner' } }, clock())]);
  const { entries, next } = await audit.listEntries({
    accountId: 'a1',
    fromMs: undefined,
    untilMs: undefined,
    limit: 10,
    after: undefined,
  });
  assert.equal(next, null);
  const [{ id, at, ...entry }] = entries as [(typeof entries)[0]];
  assert.ok(id.length > 0 && Date.parse(at) > 0);
  assert.deepEqual(entry, { ...deed('a1', 'ann'), by, details: { role: 'owner' } });
  assert.deepEqual(await names('a2'), []);
});

test('pages hold every entry once, the newest first; a range is half-open', async () => {
  const all = Array.from({ length: 25 }, (_, i) => `user-${i}`);
  for (const name of all) {
    await audit.record(deed('a3', name));
    clock.aheadMs += 1_000;
  }
  const seen: string[] = [];
  let after: string | undefined;
  do {
    const page = await audit.listEntries({ accountId: 'a3', fromMs: undefined, untilMs: undefined, limit: 10, after });
    assert.ok(page.entries.length <= 10);
    seen.push(...page.entries.map(({ subject }) => subject.name));
    after = page.next ?? undefined;
  } while (after !== undefined);
  assert.deepEqual(seen, all.toReversed());
  const page = await audit.listEntries({
    accountId: 'a3',
    fromMs: undefined,
    untilMs: undefined,
    limit: 25,
    after: undefined,
  });
  const atMs = (i: number): number => Date.parse(page.entries[24 - i]!.at);
  assert.deepEqual(await names('a3', atMs(5), atMs(8)), ['user-7', 'user-6', 'user-5']);
});
