import { cpSync } from 'node:fs';
import { test } from 'node:test';
import { agreesWithReference, type Subject } from './model.ts';
import { openStore, volumesFor } from './store-in-temp.ts';

test('a store agrees with the reference', (t) =>
  agreesWithReference(async (volumeCount) => {
    let volumes = volumesFor(t, volumeCount);
    let store = await openStore(volumes);
    const subject: Subject = {
      engine: store,
      async reopen() {
        await store.close();
        store = await openStore(volumes);
        subject.engine = store;
      },
      // What stands on disk at this moment, without the lock, is what a killed process leaves.
      async crash() {
        const copies = volumes.map((volume) => `${volume}-after`);
        for (const [i, volume] of volumes.entries())
          cpSync(volume, copies[i]!, { recursive: true, filter: (path) => !path.endsWith('/lock') });
        volumes = copies;
        await subject.reopen();
      },
      close: () => store.close(),
    };
    return subject;
  }, 60));
