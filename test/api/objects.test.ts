import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DirectoryStore } from '../../src/base/objects/directory.ts';
import { signedLinks } from '../../src/base/objects/links.ts';
import { temporaryFolder } from '../servers.ts';
import { openApi } from './api.ts';

const linkSecret = 'links of this test';

test('a signed address gives its file, whole and in ranges; any other gives nothing', async (t) => {
  const folder = temporaryFolder();
  t.after(folder.remove);
  let nowMs = Date.now();
  const objectStore = { kind: 'directory', path: folder.path, linkSecret } as const;
  const api = await openApi(t, { config: { objectStore } });
  const url = new URL('/', api.operator.url).origin;
  const objects = new DirectoryStore({
    path: folder.path,
    link: signedLinks({ endpoint: url, secret: linkSecret, nowMs: () => nowMs }),
  });
  Object.assign(api.services, { objects });
  await objects.put('exports/db/x.csv', '0123456789');
  await objects.put('exports/db/other', 'secret');
  const link = await objects.link('exports/db/x.csv', { fileName: 'x.csv', expiresS: 60 });

  const ranges: readonly (readonly [
    range: string | null,
    status: number,
    body: string,
    contentRange: string | null,
  ])[] = [
    [null, 200, '0123456789', null],
    ['bytes=0-0', 206, '0', 'bytes 0-0/10'],
    ['bytes=7-', 206, '789', 'bytes 7-9/10'],
    ['bytes=7-700', 206, '789', 'bytes 7-9/10'],
    ['bytes=-4', 206, '6789', 'bytes 6-9/10'],
    ['bytes=-40', 206, '0123456789', 'bytes 0-9/10'],
    ['bytes=10-', 416, '', 'bytes */10'],
    ['bytes=-0', 416, '', 'bytes */10'],
    ['bytes=1-2,4-5', 200, '0123456789', null],
    ['lines=1-2', 200, '0123456789', null],
  ];
  for (const [range, status, body, contentRange] of ranges) {
    const reply = await fetch(link, { headers: range === null ? {} : { range } });
    assert.deepEqual(
      [reply.status, await reply.text(), reply.headers.get('content-range')],
      [status, body, contentRange],
      `${range}`,
    );
    assert.equal(reply.headers.get('content-length'), String(body.length));
    if (status < 300) assert.equal(reply.headers.get('content-disposition'), 'attachment; filename="x.csv"');
  }

  const forged: readonly (readonly [address: string, code: string])[] = [
    [link.replace('x.csv?', 'other?'), 'LinkInvalid'],
    [link.replace('name=x.csv', 'name=y.html'), 'LinkInvalid'],
    [link.replace(/expires=(\d)/, 'expires=9$1'), 'LinkInvalid'],
    [link.replace(/signature=./, 'signature='), 'LinkInvalid'],
    [`${url}/v1/objects/..%2f..%2fetc%2fpasswd?name=x&expires=9999999999&signature=x`, 'LinkInvalid'],
    [`${url}/v1/objects/exports/db/x.csv`, 'InvalidRequest'],
  ];
  for (const [address, code] of forged) {
    const reply = await fetch(address);
    const answer = (await reply.json()) as { code: string };
    assert.ok(reply.status === 403 || reply.status === 400, address);
    assert.equal(answer.code, code, address);
  }

  await objects.remove('exports/db/x.csv');
  assert.equal((await fetch(link)).status, 404);
  nowMs -= 3_600_000;
  const old = await fetch(await objects.link('exports/db/other', { fileName: 'x', expiresS: 60 }));
  assert.deepEqual([old.status, ((await old.json()) as { code: string }).code], [403, 'LinkExpired']);
});
