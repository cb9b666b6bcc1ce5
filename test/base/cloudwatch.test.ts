import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FigureLines, type FigureValues } from '../../src/base/cloudwatch.ts';
import type { Log } from '../../src/base/log.ts';
import { figures } from '../../src/base/names.ts';

async function linesOf(values: FigureValues): Promise<unknown[][]> {
  const lines: unknown[][] = [];
  const log = { info: (...line: unknown[]) => lines.push(line) } as unknown as Log;
  await new FigureLines({ region: 'eu-west-1', read: () => values, log }).write();
  return lines;
}

test('a line of the embedded metric format: what is known, by region', async () => {
  const [[message, line] = []] = (await linesOf({
    [figures.freeVolume]: 41.5,
    [figures.journalSyncP99]: undefined,
    [figures.replicationLag]: 0.25,
    [figures.freeSlots]: 12,
  })) as [string, Record<string, unknown>][];
  const { _aws: aws, ...rest } = line as { _aws: { Timestamp: number; CloudWatchMetrics: unknown } };
  assert.equal(message, 'figures');
  assert.deepEqual(rest, { region: 'eu-west-1', freeVolumePercent: 41.5, replicationLagSeconds: 0.25, freeSlots: 12 });
  assert.deepEqual(aws.CloudWatchMetrics, [
    {
      Namespace: 'tsg',
      Dimensions: [['region']],
      Metrics: [
        { Name: 'freeVolumePercent', Unit: 'Percent' },
        { Name: 'replicationLagSeconds', Unit: 'Seconds' },
        { Name: 'freeSlots', Unit: 'Count' },
      ],
    },
  ]);
  assert.equal(Number.isSafeInteger(aws.Timestamp), true);
});

test('nothing known, no line', async () => {
  assert.deepEqual(await linesOf({ [figures.journalSyncP99]: undefined }), []);
});
