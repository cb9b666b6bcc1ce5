// A database that is being moved, asked for by an API that knows it as it was.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Services } from '../../src/api/services.ts';
import { ConnectionLost, EngineError } from '../../src/kdb/engine-error.ts';
import type { EngineTarget } from '../../src/kdb/engines.ts';
import { managementOver } from '../../src/management/index.ts';
import { stubEngine } from '../kdb/stub-engine.ts';
import { region, silent } from '../management/region.ts';
import { openApi } from './api.ts';

const faults: readonly (readonly [what: string, fault: () => Error, outside: string])[] = [
  ['refuses writes', () => new EngineError('DatabaseHeld'), 'DatabaseHeld'],
  ['is gone', () => new ConnectionLost('gone'), 'DatabaseUnavailable'],
];

test('where the former place refuses or is gone, the record is read afresh, and the write goes to the new place', async (t) => {
  const { services, management, account, database } = await openApi(t);
  const { service, id } = await account('acme');
  // Another process: what it changes this API does not hear of.
  const elsewhere = managementOver({
    ...{ dynamo: management.dynamo, topic: undefined, redis: {}, redisDeadlineMs: 0, clock: management.clock },
    ...{ region, homeRegion: region, zone: 'a', log: silent },
  });
  t.after(elsewhere.close);
  for (const [what, fault, outside] of faults) {
    const plant = await database(id, `it ${what}`);
    let fails = false;
    const calls: number[] = [];
    const client = ({ endpoint }: EngineTarget) =>
      stubEngine({
        insert: async () => {
          calls.push(endpoint!.port);
          if (fails && endpoint!.port === 1) throw fault();
          return { rows: 1n, late: 0n, catalogueVersion: 1n, generation: 1n, offset: 1n };
        },
      });
    (services as { engines: unknown }).engines = { client } as unknown as Services['engines'];
    const write = () => service.ask(`/v1/databases/${encodeURIComponent(plant.name)}/write`, { body: 'm v=1 1' });
    assert.equal((await write()).status, 200);
    fails = true;
    // It has not moved yet.
    const refused = await write();
    assert.deepEqual([refused.status, refused.json.code], [503, outside], what);
    assert.match(refused.headers.get('retry-after')!, /^\d+$/);
    const now = (await elsewhere.databases.getDatabase(id, plant.name, { fresh: true }))!;
    await elsewhere.databases.change(now, { endpoint: { host: '127.0.0.1', port: 2 } });
    assert.equal((await write()).status, 200, what);
    assert.deepEqual(calls, [1, 1, 1, 2], what);
  }
});
