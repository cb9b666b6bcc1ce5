import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { theService } from '../../src/management/audit.ts';
import { defaultRule } from '../../src/management/backup-rule.ts';
import { backupIdOf, backupsToExpire, type NewBackup, restoreTime } from '../../src/management/backups.ts';
import type { Backup } from '../../src/management/records.ts';
import { startDynoxide } from '../servers.ts';
import { code, createActive, openManagement } from './region.ts';

const dynoxide = await startDynoxide();
after(() => dynoxide.stop());
const management = await openManagement(dynoxide.endpoint);
after(() => management.close());
const { backups, databases, clock } = management;

const byHand: NewBackup = { reason: 'manual', full: false, keepDays: null };
const outcome = { bytes: 10, uploadedBytes: 5, rows: 3, journal: null, takenAt: '2026-01-01T00:00:05.000Z' };
let tasks = 0;

function newTask(): { id: string; createdAt: string } {
  return { id: `task-${++tasks}`, createdAt: new Date(clock() + tasks * 1_000).toISOString() };
}

async function made(database: Parameters<typeof backups.begin>[1], wanted = byHand): Promise<Backup> {
  return backups.complete(await backups.begin(newTask(), database, wanted), outcome);
}

test('a backup is begun once per task, names the newest complete one as its base, and ends once', async () => {
  const { database } = await createActive(databases, 'a1', 'plant');
  const task = newTask();
  const first = await backups.begin(task, database, byHand);
  assert.equal(first.id, backupIdOf(task));
  assert.deepEqual(await backups.begin(task, database, byHand), first);
  assert.deepEqual([first.status, first.base, first.full], ['running', null, true]);
  const complete = await backups.complete(first, outcome);
  assert.deepEqual([complete.status, complete.rows], ['complete', 3]);
  assert.deepEqual(await backups.complete(first, outcome), complete);
  await assert.rejects(backups.fail(first), /the backup is complete/);
  const second = await backups.begin(newTask(), database, byHand);
  assert.deepEqual([second.base, second.full], [first.id, false]);
  assert.equal((await backups.begin(newTask(), database, { ...byHand, full: true })).base, null);
  assert.deepEqual(await backups.findBackup('a1', first.id), complete);
  assert.equal(await backups.findBackup('a2', first.id), undefined);
  assert.equal((await backups.listAccountBackups('a1')).records.length, 3);
});

test('the base of a backup that is being made does not expire, by whatever way that one ends', async () => {
  const { database } = await createActive(databases, 'a2', 'plant');
  const base = await made(database);
  for (const end of ['complete', 'fail'] as const) {
    const [one, other] = [
      await backups.begin(newTask(), database, byHand),
      await backups.begin(newTask(), database, byHand),
    ];
    assert.equal(await backups.startExpiry((await backups.getBackup(database.id, one.base!))!), false);
    await backups[end](one, outcome);
    assert.equal(await backups.startExpiry((await backups.getBackup(database.id, other.base!))!), false);
    await backups.fail(other);
  }
  assert.equal(await backups.startExpiry(base), true);
  assert.equal(await backups.startExpiry(base), false);
  assert.equal(await backups.startExpiry((await backups.getBackup(database.id, base.id))!), true);
  await backups.remove(base);
  assert.equal(await backups.getBackup(database.id, base.id), undefined);
});

test('a moment that a restore can reach is not before the files of the backup were put aside', () => {
  const backup = { createdAt: '2026-01-01T00:00:00.000Z', journal: { incarnation: 'i', generation: 1 } } as Backup;
  const taken = { ...backup, takenAt: outcome.takenAt };
  const nowMs = Date.parse('2026-01-02T00:00:00Z');
  assert.throws(() => restoreTime('2026-01-01T00:00:04Z', taken, nowMs), code('InvalidRequest'));
  assert.equal(restoreTime('2026-01-01T00:00:05Z', taken, nowMs), outcome.takenAt);
});

test('what expires: by rule, by date, by request, and what failed', async () => {
  const { database } = await createActive(databases, 'a3', 'plant');
  const old = await made(database, { ...byHand, reason: 'scheduled' });
  const manual = await made(database);
  const dated = await made(database, { ...byHand, keepDays: 7 });
  const failed = await backups.fail(await backups.begin(newTask(), database, byHand));
  const running = await backups.begin(newTask(), database, byHand);
  const at = async (days: number, isGone = false): Promise<string[]> => {
    const nowMs = clock() + days * 24 * 3_600_000;
    return backupsToExpire(await backups.listBackups(database.id), { rule: defaultRule, nowMs, isGone }).map(
      ({ id }) => id,
    );
  };
  assert.deepEqual(await at(0), [failed.id]);
  assert.deepEqual(await at(8), [dated.id, failed.id]);
  assert.deepEqual(await at(400), [dated.id, failed.id]);
  assert.deepEqual(await at(400, true), [old.id, dated.id, failed.id]);
  await assert.rejects(backups.requestDelete(running, theService), code('BackupBusy'));
  await backups.fail(running);
  await backups.requestDelete(manual, theService);
  assert.deepEqual(await at(0), [manual.id, failed.id, running.id]);
  const [entry] = (
    await management.audit.listEntries({ accountId: 'a3', fromMs: 0, untilMs: undefined, limit: 1, after: undefined })
  ).entries;
  assert.deepEqual([entry?.action, entry?.subject.id], ['deleteBackup', manual.id]);
});
