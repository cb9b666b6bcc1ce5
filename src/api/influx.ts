// Writes as InfluxDB's own clients send them, version 1 and 2. The bucket, or database, is a database of the account; organisations and retention
// policies are not looked at. Good lines are written beside bad ones, as there.

import { compatibleSecret } from '../auth/token.ts';
import type { Precision } from '../ingest/index.ts';
import { decodeLineProtocol } from '../ingest/line-protocol.ts';
import { dataAccess, withinRate, withinStorage } from './access.ts';
import { readBody } from './body.ts';
import { errorV1, errorV2 } from './influx-errors.ts';
import { badLines, decodeBody, insert } from './insert.ts';
import { requireName } from './names.ts';
import { replyNothing } from './reply.ts';
import { readParameters, single } from './schema.ts';
import type { Context, Step } from './step.ts';

/** What clients of 1.8, which speak both, expect to find. */
const versionHeaders = { 'X-Influxdb-Version': '1.8.10', 'X-Influxdb-Build': 'tsg' };

/** By name: the unit, and how many of it one is. */
const units: Readonly<Record<string, readonly [precision: Precision, count: number]>> = {
  n: ['ns', 1],
  ns: ['ns', 1],
  u: ['us', 1],
  us: ['us', 1],
  µ: ['us', 1],
  µs: ['us', 1],
  ms: ['ms', 1],
  s: ['s', 1],
  m: ['s', 60],
  h: ['s', 3_600],
};

const precision = { enum: Object.keys(units) };

/** Clients send more than is looked at. */
const parametersV1 = { type: 'object', required: ['db'], properties: { db: single, u: single, p: single, precision } };
const parametersV2 = { type: 'object', required: ['bucket'], properties: { bucket: single, precision } };

export const influxWriteV1: Step[] = [
  speakV1,
  readParameters(parametersV1),
  function nameDatabase(context: Context): void {
    context.params = databaseNamed(`${context.parameters!['db']}`);
  },
  ...writeSteps(),
];

export const influxWriteV2: Step[] = [
  function speakV2(context: Context): void {
    context.errorBody = errorV2;
  },
  readParameters(parametersV2),
  function nameDatabase(context: Context): void {
    const bucket = `${context.parameters!['bucket']}`;
    // Of database/policy, which is what a bucket of version 1.8 is called.
    const slash = bucket.lastIndexOf('/');
    context.params = databaseNamed(slash < 0 ? bucket : bucket.slice(0, slash));
  },
  ...writeSteps(),
];

export const influxPing: Step[] = [
  function ping(context: Context): void {
    for (const [name, value] of Object.entries(versionHeaders)) context.response.setHeader(name, value);
    replyNothing(context);
  },
];

export function speakV1(context: Context): void {
  context.errorBody = errorV1;
}

/** Clients of version 1 know a user and a password: the password is a token, the user anything. */
export function influxSecret({ request, parameters }: Context): string {
  return compatibleSecret(request.headers.authorization, parameters?.['p'] as string | undefined);
}

function databaseNamed(database: string): Context['params'] {
  requireName(database);
  return { database };
}

function writeSteps(): Step[] {
  return [
    ...dataAccess('write', influxSecret),
    withinStorage,
    withinRate('pointsPerSecond'),
    readBody,
    function decode(context: Context): void {
      const [precision, timesUnit] = units[`${context.parameters!['precision'] ?? 'ns'}`]!;
      decodeBody(context, (body, options) => decodeLineProtocol(body, { ...options, timesUnit }), {
        precision,
        partial: true,
      });
    },
    insert,
    function reply(context: Context): void {
      if (context.written!.faultCount > 0) throw badLines(context.written!);
      influxPing[0]!(context);
    },
  ];
}
