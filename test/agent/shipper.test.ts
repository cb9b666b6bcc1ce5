import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { appendFileSync, existsSync, linkSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import winston from 'winston';
import { Shipper } from '../../kdb/agent/shipper.ts';
import { type ObjectStore, ObjectStoreFault } from '../../src/base/object-store.ts';
import { DirectoryStore } from '../../src/base/objects/directory.ts';
import { shippedChecksumKey, shippedKey } from '../../src/management/shipped-journal.ts';
import { temporaryFolder } from '../servers.ts';
import { directoriesOf, testHost, wanted } from './host.ts';

const name = (generation: number) => `journal-${String(generation).padStart(10, '0')}.log`;

async function open(t: TestContext, options: { maxWaitingBytes?: number; objects?: Partial<ObjectStore> } = {}) {
  const host = testHost(t, 2);
  const agent = host.agent();
  await agent.start();
  const { incarnation } = await agent.put('db-1', wanted);
  const folder = temporaryFolder();
  t.after(folder.remove);
  const directory = new DirectoryStore({ path: folder.path, link: () => '' });
  const faults: string[] = [];
  const log = winston.createLogger({ level: 'info', transports: [new winston.transports.Console({ silent: true })] });
  log.error = ((message: string) => faults.push(message)) as never;
  const objects = new Proxy(directory, {
    get: (target, key: keyof ObjectStore) => options.objects?.[key] ?? target[key].bind(target),
  });
  const { maxWaitingBytes = 1_000_000_000 } = options;
  const volumes = directoriesOf(host, 'db-1');
  return {
    shipper: new Shipper({ agent, objects, log, maxWaitingBytes }),
    faults,
    keep: (generation: number, contents: string) => {
      const volume = volumes[generation % 2]!;
      mkdirSync(join(volume, 'shipping'), { recursive: true });
      writeFileSync(join(volume, name(generation)), contents);
      linkSync(join(volume, name(generation)), join(volume, 'shipping', name(generation)));
    },
    waiting: () =>
      volumes.flatMap((volume) =>
        existsSync(join(volume, 'shipping')) ? readdirSync(join(volume, 'shipping')).map((file) => file) : [],
      ),
    volumes,
    stored: async (generation: number) => {
      const place = { incarnation, generation };
      const read = async (key: string) => (await buffer(await directory.get(key))).toString();
      return [await read(shippedKey('db-1', place)), JSON.parse(await read(shippedChecksumKey('db-1', place)))];
    },
    keys: async () => (await Array.fromAsync(directory.list('journal/'))).map(({ key }) => key),
  };
}

test('complete files go to the object store with their checksums, and nothing else does', async (t) => {
  const { shipper, keep, waiting, stored, keys, volumes } = await open(t);
  const big = 'x'.repeat(20_000_000);
  keep(3, 'three');
  keep(4, big);
  writeFileSync(join(volumes[1]!, 'shipping', 'notes.txt'), '');
  await shipper.ship();
  assert.deepEqual(waiting(), ['notes.txt']);
  for (const [generation, contents] of [
    [3, 'three'],
    [4, big],
  ] as const) {
    const sha256 = createHash('sha256').update(contents).digest('hex');
    assert.deepEqual(await stored(generation), [contents, { bytes: contents.length, sha256 }]);
  }
  assert.equal((await keys()).length, 4);
  // The journal itself stays until a checkpoint removes it.
  assert.ok(existsSync(join(volumes[1]!, name(3))));
  // Kept again by the next start, and longer.
  appendFileSync(join(volumes[1]!, name(3)), ' more');
  linkSync(join(volumes[1]!, name(3)), join(volumes[1]!, 'shipping', name(3)));
  await shipper.ship();
  assert.equal((await stored(3))[0], 'three more');
});

test('while the object store is away files wait, up to a bound; then the oldest go', async (t) => {
  let isAway = true;
  const away = { put: async () => Promise.reject(new ObjectStoreFault(new Error('away'))) };
  const { shipper, keep, waiting, faults, keys } = await open(t, {
    maxWaitingBytes: 25,
    objects: {
      get put() {
        return (isAway ? away.put : undefined) as never;
      },
    },
  });
  for (const generation of [1, 2]) keep(generation, '0123456789');
  await shipper.ship();
  assert.deepEqual(waiting().sort(), [name(1), name(2)]);
  assert.deepEqual(faults, []);
  for (const generation of [3, 4]) keep(generation, '0123456789');
  await shipper.ship();
  assert.deepEqual(waiting().sort(), [name(3), name(4)]);
  assert.equal(faults.length, 2);
  isAway = false;
  await shipper.ship();
  assert.deepEqual(waiting(), []);
  assert.deepEqual(
    (await keys()).map((key) => key.split('/').at(-1)),
    ['0000000003.json', '0000000003.log', '0000000004.json', '0000000004.log'],
  );
});

test('a volume that is away holds up nothing else', async (t) => {
  const { shipper, keep, keys, volumes } = await open(t);
  keep(1, 'one');
  keep(2, 'two');
  rmSync(volumes[0]!, { recursive: true });
  await shipper.ship();
  assert.equal((await keys()).length, 2);
});
