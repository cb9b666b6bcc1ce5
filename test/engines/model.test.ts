// Random commands on a store and on the reference; after each, random queries must agree.
import assert from 'node:assert/strict';
import { cpSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Store } from '../../kdb/embedded/store.ts';
import { agrees } from './agreement.ts';
import { batchOf } from './points.ts';
import { fieldNames, fieldTypes, filter, points, query, range, seriesNames, time } from './random.ts';
import { Reference } from './reference.ts';
import { openStore, volumesFor } from './store-in-temp.ts';

interface Real {
  store: Store;
  volumes: readonly string[];
}
type Command = (model: Reference, real: Real) => Promise<void>;

const commands: fc.Arbitrary<readonly [string, Command]> = fc.oneof(
  {
    weight: 8,
    arbitrary: points.map((given) => [
      `insert ${JSON.stringify(given, (_, v) => (typeof v === 'bigint' ? `${v}n` : v))}`,
      async (model: Reference, real: Real) => {
        model.insert(given);
        const receipt = await real.store.insert(batchOf(given));
        assert.equal(receipt.rows, BigInt(given.length));
      },
    ]),
  },
  {
    weight: 1,
    arbitrary: fc.constant([
      'reopen',
      async (_model: Reference, real: Real) => {
        await real.store.close();
        real.store = await openStore(real.volumes);
      },
    ] as const),
  },
  {
    weight: 1,
    arbitrary: fc.constant([
      'crash',
      // What stands on disk at this moment, without the lock, is what a killed process leaves.
      async (_model: Reference, real: Real) => {
        const copies = real.volumes.map((volume) => `${volume}-after`);
        for (const [i, volume] of real.volumes.entries())
          cpSync(volume, copies[i]!, { recursive: true, filter: (path) => !path.endsWith('/lock') });
        await real.store.close();
        real.volumes = copies;
        real.store = await openStore(copies);
      },
    ] as const),
  },
  {
    weight: 2,
    arbitrary: fc.constant(['checkpoint', async (_model: Reference, real: Real) => real.store.checkpoint()] as const),
  },
  {
    weight: 1,
    arbitrary: fc
      .record({ series: fc.constantFrom(...seriesNames), range, where: filter, dryRun: fc.boolean() })
      .map((spec) => [
        `delete ${JSON.stringify(spec, (_, v) => (typeof v === 'bigint' ? `${v}n` : v))}`,
        async (model: Reference, real: Real) => {
          const gone = await real.store.delete({
            series: spec.series,
            ...spec.range,
            where: spec.where,
            dryRun: spec.dryRun,
          });
          assert.equal(gone, model.delete(spec.series, spec.range.fromNs, spec.range.toNs, spec.where, spec.dryRun));
        },
      ]),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(...seriesNames).map((series) => [
      `drop ${series}`,
      async (model: Reference, real: Real) => {
        await real.store.drop(series);
        model.drop(series);
        await defineSeries(model, real, series);
      },
    ]),
  },
  {
    weight: 1,
    arbitrary: time.map((before) => [
      `retain ${before}`,
      async (model: Reference, real: Real) => {
        await real.store.retain(before);
        model.retain(before);
      },
    ]),
  },
) as fc.Arbitrary<readonly [string, Command]>;

async function defineSeries(model: Reference, real: Real, series: string): Promise<void> {
  model.define(series, ['host', 'rack'], fieldNames);
  await real.store.define({
    series,
    tags: ['host', 'rack'],
    fields: fieldNames.map((name) => ({ name, type: fieldTypes[name] })),
  });
}

test('a store agrees with the reference', async (t) => {
  const runs = Number(process.env['TSG_MODEL_RUNS'] ?? 60);
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(commands, fc.array(query, { minLength: 2, maxLength: 4 })), { minLength: 1, maxLength: 14 }),
      fc.constantFrom(1, 2, 3),
      async (steps, volumeCount) => {
        const volumes = volumesFor(t, volumeCount);
        const real: Real = { store: await openStore(volumes), volumes };
        const model = new Reference();
        try {
          for (const series of seriesNames) await defineSeries(model, real, series);
          for (const [[, command], queries] of steps) {
            await command(model, real);
            for (const spec of queries) await agrees(real.store, model, spec);
          }
        } finally {
          await real.store.close();
        }
      },
    ),
    { numRuns: runs, ...(process.env['TSG_MODEL_SEED'] ? { seed: Number(process.env['TSG_MODEL_SEED']) } : {}) },
  );
});
