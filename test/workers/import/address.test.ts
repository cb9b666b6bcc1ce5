import assert from 'node:assert/strict';
import type { LookupAddress } from 'node:dns';
import { test } from 'node:test';
import { checkedLookup, isPublic } from '../../../workers/import/address.ts';
import { publicDownloads } from '../../../workers/import/download.ts';
import { Permanent } from '../../../workers/kinds/kind.ts';
import { importBench } from './import-run.ts';

const forbidden = [
  ...[
    '127.0.0.1',
    '0.0.0.0',
    '10.1.2.3',
    '100.64.0.1',
    '100.127.255.255',
    '169.254.169.254',
    '172.16.0.1',
    '172.31.255.255',
  ],
  ...['192.168.1.1', '192.0.0.8', '198.18.0.1', '224.0.0.1', '255.255.255.255', '240.0.0.1', '192.0.2.1'],
  ...[
    '::1',
    '::',
    'fe80::1',
    'fc00::1',
    'fd00:ec2::254',
    'ff02::1',
    '::ffff:127.0.0.1',
    '::ffff:8.8.8.8',
    '64:ff9b::7f00:1',
  ],
  ...['2002:7f00:1::', '2001:db8::1', '2001::1', 'localhost', ''],
];
for (const address of forbidden) test(`${address} is not public`, () => assert.equal(isPublic(address), false));
for (const address of ['8.8.8.8', '100.63.255.255', '100.128.0.1', '172.32.0.1', '2606:4700::1111'])
  test(`${address} is public`, () => assert.equal(isPublic(address), true));

test('a name is looked up once, and is refused when any of its addresses is', async () => {
  const resolved = (all: boolean, isAllowed: (address: string) => boolean): Promise<string | LookupAddress[]> =>
    new Promise((resolve, reject) =>
      checkedLookup(isAllowed)('localhost', { all }, (error, address) => (error ? reject(error) : resolve(address))),
    );
  await assert.rejects(resolved(true, isPublic), { code: 'EFORBIDDEN' });
  await assert.rejects(resolved(false, isPublic), { code: 'EFORBIDDEN' });
  assert.ok(['127.0.0.1', '::1'].includes((await resolved(false, () => true)) as string));
});

const urls: readonly (readonly [url: string, message: RegExp])[] = [
  ['https://127.0.0.1/x', /public internet/],
  ['https://0x7f.1/x', /public internet/],
  ['https://2130706433/x', /public internet/],
  ['https://[::ffff:127.0.0.1]/x', /public internet/],
  ['https://[::1]/x', /public internet/],
  ['https://169.254.169.254/latest/meta-data', /public internet/],
  ['https://localhost/x', /public internet/],
  ['https://localhost:8443/x', /port 8443/],
  ['https://u:p@example.com/x', /password/],
  ['https://', /no address/],
];
for (const [url, message] of urls) {
  test(`${url} is not fetched`, async (t) => {
    const { run } = await importBench(t);
    await assert.rejects(run({ source: { url } }, { limits: publicDownloads }), (error: Error) => {
      assert.ok(error instanceof Permanent);
      assert.match(error.message, message);
      return true;
    });
  });
}
