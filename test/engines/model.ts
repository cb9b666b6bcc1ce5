// Random commands on an engine and on the reference; after each, random queries must agree.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Engine } from '../../src/kdb/engine.ts';
import { agrees, joinsAlike } from './agreement.ts';
import { batchOf } from './points.ts';
import { asof, fieldNames, fieldTypes, filter, points, query, range, seriesNames, time } from './random.ts';
import { Reference } from './reference.ts';

/** An engine that can be ended and started again on what it left. */
export interface Subject {
  engine: Engine;
  reopen(): Promise<void>;
  /** Nothing is said to it before. */
  crash(): Promise<void>;
  close(): Promise<void>;
}

type Command = readonly [string, (model: Reference, subject: Subject) => Promise<void>];
const shown = (value: unknown): string => JSON.stringify(value, (_, v) => (typeof v === 'bigint' ? `${v}n` : v));

const commands: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 8,
    arbitrary: points.map(
      (given): Command => [
        `insert ${shown(given)}`,
        async (model, { engine }) => {
          model.insert(given);
          const receipt = await engine.insert(batchOf(given));
          assert.equal(receipt.rows, BigInt(given.length));
        },
      ],
    ),
  },
  { weight: 1, arbitrary: fc.constant<Command>(['reopen', (_, subject) => subject.reopen()]) },
  { weight: 1, arbitrary: fc.constant<Command>(['crash', (_, subject) => subject.crash()]) },
  { weight: 2, arbitrary: fc.constant<Command>(['checkpoint', (_, { engine }) => engine.checkpoint()]) },
  {
    weight: 1,
    arbitrary: fc.record({ series: fc.constantFrom(...seriesNames), range, where: filter, dryRun: fc.boolean() }).map(
      (spec): Command => [
        `delete ${shown(spec)}`,
        async (model, { engine }) => {
          const { series, where, dryRun } = spec;
          const gone = await engine.delete({ series, ...spec.range, where, dryRun });
          assert.equal(gone, model.delete(series, spec.range.fromNs, spec.range.toNs, where, dryRun));
        },
      ],
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(...seriesNames).map(
      (series): Command => [
        `drop ${series}`,
        async (model, { engine }) => {
          await engine.drop(series);
          model.drop(series);
          await defineSeries(model, engine, series);
        },
      ],
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constant<Command>([
      'compact',
      async (_model, { engine }) => {
        await engine.compact();
      },
    ]),
  },
  {
    weight: 1,
    arbitrary: time.map(
      (before): Command => [
        `retain ${before}`,
        async (model, { engine }) => {
          await engine.retain(before);
          model.retain(before);
        },
      ],
    ),
  },
);

async function defineSeries(model: Reference, engine: Engine, series: string): Promise<void> {
  model.define(series, ['host', 'rack'], fieldNames);
  await engine.define({
    series,
    tags: ['host', 'rack'],
    fields: fieldNames.map((name) => ({ name, type: fieldTypes[name] })),
  });
}

/** `open` gives a fresh one with so many volumes. TSG_MODEL_RUNS and TSG_MODEL_SEED say how often, and which. */
export async function agreesWithReference(open: (volumes: number) => Promise<Subject>, runs: number): Promise<void> {
  const seed = process.env['TSG_MODEL_SEED'];
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(commands, fc.array(query, { minLength: 2, maxLength: 4 }), asof), {
        minLength: 1,
        maxLength: 14,
      }),
      fc.constantFrom(1, 2, 3),
      async (steps, volumes) => {
        const subject = await open(volumes);
        const model = new Reference();
        try {
          for (const series of seriesNames) await defineSeries(model, subject.engine, series);
          for (const [[, command], queries, join] of steps) {
            await command(model, subject);
            for (const spec of queries) await agrees(subject.engine, model, spec);
            await joinsAlike(subject.engine, model, join);
          }
        } finally {
          await subject.close();
        }
      },
    ),
    { numRuns: Number(process.env['TSG_MODEL_RUNS'] ?? runs), ...(seed !== undefined && { seed: Number(seed) }) },
  );
}
