import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { DirectoryStore } from '../../src/base/objects/directory.ts';
import { theService } from '../../src/management/audit.ts';
import { temporaryFolder } from '../servers.ts';
import { until } from '../until.ts';
import { openApi } from './api.ts';

test('parts of an import: sent in any order, checked, sent again, listed, and closed by the start', async (t) => {
  const folder = temporaryFolder();
  t.after(folder.remove);
  const api = await openApi(t, { config: { maxPartBytes: 100_000 } });
  const objects = new DirectoryStore({ path: folder.path, link: () => '' });
  Object.assign(api.services, { objects });
  const { id, service } = await api.account('acme', { limits: { storageBytes: 150_000 } });
  const database = await api.database(id, 'plant');
  const { tasks } = api.management;
  const params = { source: { upload: true } };
  const task = await tasks.createTask({ kind: 'import', subject: database, params, requestedBy: theService });
  const path = `/v1/databases/plant/imports/${task.id}`;
  const put = (part: number | string, body: string, headers: Record<string, string> = {}) =>
    service.ask(`${path}/parts/${part}`, { method: 'PUT', body, headers });
  const hash = (algorithm: string, body: string, encoding: 'hex' | 'base64') =>
    createHash(algorithm).update(body).digest(encoding);

  const two = await put(2, 'second', { 'content-md5': hash('md5', 'second', 'base64') });
  assert.deepEqual(
    [two.status, two.json.part],
    [200, { number: 2, bytes: 6, sha256: hash('sha256', 'second', 'hex') }],
  );
  const early = await service.ask(`${path}/start`, { method: 'POST' });
  assert.match(early.text, /part 1 is missing/);

  const refused: readonly (readonly [
    part: number | string,
    body: string,
    headers: Record<string, string>,
    status: number,
    code: string,
  ])[] = [
    [1, 'x', { 'content-md5': hash('md5', 'y', 'base64') }, 400, 'ChecksumMismatch'],
    [1, 'x', { 'x-content-sha256': hash('sha256', 'y', 'hex') }, 400, 'ChecksumMismatch'],
    [0, 'x', {}, 400, 'InvalidRequest'],
    [10_001, 'x', {}, 400, 'InvalidRequest'],
    ['1.5', 'x', {}, 400, 'InvalidRequest'],
    [1, 'x'.repeat(100_001), {}, 413, 'BodyTooLarge'],
  ];
  for (const [part, body, headers, status, code] of refused) {
    const reply = await put(part, body, headers);
    assert.deepEqual([reply.status, reply.json?.code], [status, code], reply.text);
  }
  assert.equal((await put(1, 'wrong')).status, 200);
  assert.equal((await put(1, 'first ', { 'x-content-sha256': hash('sha256', 'first ', 'hex') })).status, 200);
  assert.equal((await put(3, 'x'.repeat(100_000))).status, 200);
  assert.equal((await put(4, 'x'.repeat(60_000))).json?.code, 'BodyTooLarge');

  await hungUpPut(service.url, `${path}/parts/5`, service.token);
  await until(
    'the broken upload to be gone',
    async () => (await objects.head(`imports/${database.id}/${task.id}/part-00005`)) === undefined,
  );
  const listed = await service.ask(`${path}/parts`);
  assert.deepEqual(
    listed.json.parts.map(({ number, bytes }: { number: number; bytes: number }) => [number, bytes]),
    [
      [1, 6],
      [2, 6],
      [3, 100_000],
    ],
  );

  const started = await service.ask(`${path}/start`, { method: 'POST' });
  assert.equal(started.status, 202, started.text);
  const kept = await text(await objects.get(`imports/${database.id}/${task.id}/started`));
  assert.deepEqual(JSON.parse(kept).parts, [
    { number: 1, bytes: 6 },
    { number: 2, bytes: 6 },
    { number: 3, bytes: 100_000 },
  ]);
  assert.deepEqual((await put(1, 'late')).json?.code, 'UploadEnded');
  assert.equal((await service.ask(`${path}/start`, { method: 'POST' })).status, 202);

  const other = await api.account('other');
  await api.database(other.id, 'plant');
  assert.equal((await other.service.ask(`${path}/parts`)).status, 404);
});

test('a worker that lets an import wait for its parts while it is started does not let it sleep', async (t) => {
  const folder = temporaryFolder();
  t.after(folder.remove);
  const api = await openApi(t);
  Object.assign(api.services, { objects: new DirectoryStore({ path: folder.path, link: () => '' }) });
  const { id, service } = await api.account('acme');
  const subject = await api.database(id, 'plant');
  const { tasks, claims, clock } = api.management;
  const getTask = tasks.getTask.bind(tasks);
  // The start looks at the task some four times; the worker lets go before each of them once.
  for (let look = 1; look <= 6; look++) {
    const params = { source: { upload: true } };
    const task = await tasks.createTask({ kind: 'import', subject, params, requestedBy: theService });
    const path = `/v1/databases/plant/imports/${task.id}`;
    assert.equal((await service.ask(`${path}/parts/1`, { method: 'PUT', body: 'm v=1' })).status, 200);
    const claimed = (await claims.claim(task.id, 'worker'))!;
    let looks = 0;
    tasks.getTask = async (asked) => {
      if (++looks === look) await claims.postpone(claimed, clock() + 60_000, 'it waits for its parts');
      return getTask(asked);
    };
    const started = await service.ask(`${path}/start`, { method: 'POST' });
    tasks.getTask = getTask;
    assert.equal(started.status, 202, started.text);
    const { state, waits } = (await getTask(task.id))!;
    assert.deepEqual([look, state, waits], [look, 'queued', null]);
  }
});

/** Sends the head and half of the body, then nothing. */
function hungUpPut(url: string, path: string, token: string): Promise<void> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname, () => {
      socket.write(
        `PUT ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nContent-Length: 1000\r\n\r\nhalf`,
        () => socket.destroy(),
      );
    });
    socket.once('close', () => resolve());
  });
}
