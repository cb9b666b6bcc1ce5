// What stands in for the services of AWS, once for all regions: DynamoDB, SQS with SNS, and the way to them from far away.

import { join } from 'node:path';
import { freePort } from '../../src/base/ports.ts';
import { createDynamo } from '../../src/management/dynamo.ts';
import { ensureTables } from '../../src/management/tables.ts';
import type { ChildDefinition } from './child.ts';
import type { Environment } from './environment.ts';
import { answers } from './probes.ts';
import { dynoxide, node, stoppedWithParent } from './programs.ts';
import type { LocalSettings } from './settings.ts';

const loopback = '127.0.0.1';

/** Addresses as processes of one region have to use them. */
export interface HomeEndpoints {
  readonly dynamodb: string;
  readonly sns: string;
}

export interface StandIns {
  readonly sqs: string;
  /** By region. */
  readonly home: Readonly<Record<string, HomeEndpoints>>;
  /** Where the proxy is steered; null: there is none. */
  readonly proxy: string | null;
  readonly definitions: readonly ChildDefinition[];
}

export async function planStandIns(
  { dataDir, regions, latencyMs, proxy }: LocalSettings,
  env: Environment,
  logPath: (name: string) => string,
): Promise<StandIns> {
  const names = regions.map(({ name }) => name);
  const dynamodbPort = await freePort(loopback);
  const queuesPort = await freePort(loopback);
  const direct: HomeEndpoints = { dynamodb: url(dynamodbPort), sns: url(queuesPort) };
  const common = { env, stopTimeoutMs: 10_000 };
  const definitions: ChildDefinition[] = [
    {
      ...common,
      name: 'dynoxide',
      command: stoppedWithParent([
        dynoxide(),
        ...['serve', '--host', loopback, '--port', String(dynamodbPort)],
        ...['--db-path', join(dataDir, 'dynamodb.sqlite')],
      ]),
      logPath: logPath('dynoxide'),
      probe: async (attempt) => {
        await answers(direct.dynamodb, attempt);
        const dynamo = createDynamo({ region: names[0]!, endpoint: direct.dynamodb });
        await ensureTables(dynamo).finally(() => dynamo.destroy());
      },
    },
    {
      ...common,
      name: 'fauxqs',
      command: node('infra/local/queues.ts', String(queuesPort), ...names),
      logPath: logPath('fauxqs'),
      probe: (attempt) => answers(`${direct.sns}/health`, attempt),
    },
  ];

  const home: Record<string, HomeEndpoints> = {};
  const links: string[] = [];
  for (const [i, name] of names.entries()) {
    const isFar = i > 0 && latencyMs > 0;
    home[name] = direct;
    if (!proxy && !isFar) continue;
    const ports = { dynamodb: await freePort(loopback), sns: await freePort(loopback) };
    const oneWayMs = isFar ? latencyMs / 2 : 0;
    links.push(`${name}.dynamodb=${ports.dynamodb}:${dynamodbPort}:${oneWayMs}`);
    links.push(`${name}.sns=${ports.sns}:${queuesPort}:${oneWayMs}`);
    home[name] = { dynamodb: url(ports.dynamodb), sns: url(ports.sns) };
  }
  if (links.length === 0) return { sqs: direct.sns, home, proxy: null, definitions };

  const controlPort = await freePort(loopback);
  definitions.push({
    ...common,
    name: 'proxy',
    command: node('infra/local/proxy/main.ts', String(controlPort), ...links),
    logPath: logPath('proxy'),
    probe: (attempt) => answers(url(controlPort), attempt),
  });
  return { sqs: direct.sns, home, proxy: url(controlPort), definitions };
}

function url(port: number): string {
  return `http://${loopback}:${port}`;
}
