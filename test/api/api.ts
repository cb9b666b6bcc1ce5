// An API in this process, over a real DynamoDB, with databases that store nothing.

import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { addFigures } from '../../src/api/figures.ts';
import { SeriesFollower } from '../../src/api/series-follower.ts';
import type { Services } from '../../src/api/services.ts';
import { WriteFigures } from '../../src/api/write-figures.ts';
import { Throttle } from '../../src/auth/throttle.ts';
import type { ApiConfig } from '../../src/base/config.ts';
import type { Log } from '../../src/base/log.ts';
import { Metrics } from '../../src/base/metrics.ts';
import { DirectoryStore } from '../../src/base/objects/directory.ts';
import { WriteQueue } from '../../src/ingest/write-queue.ts';
import type { Engine, SchemaMode } from '../../src/kdb/engine.ts';
import { Engines } from '../../src/kdb/engines.ts';
import { theService } from '../../src/management/audit.ts';
import type { Database } from '../../src/management/records.ts';
import { UsageMeter } from '../../src/management/usage-meter.ts';
import { createServer } from '../../src/server.ts';
import { stubEngine } from '../kdb/stub-engine.ts';
import { openManagement, region, silent, type TestManagement } from '../management/region.ts';
import { startDynoxide, temporaryFolder } from '../servers.ts';
import { Service } from '../system/service.ts';

export interface TestApi {
  readonly services: Services;
  readonly management: TestManagement;
  readonly meter: UsageMeter;
  readonly operator: Service;
  /** A new account; the service speaks with its first token. */
  readonly account: (name: string, fields?: object) => Promise<{ id: string; service: Service }>;
  readonly database: (accountId: string, name: string, schema?: SchemaMode) => Promise<Database>;
}

const operatorSecret = 'operator-of-this-test';

export async function openApi(
  t: { readonly after: (stop: () => void | Promise<void>) => void },
  {
    engine = stubEngine(),
    config = {},
    log = silent,
  }: { engine?: Engine; config?: Partial<ApiConfig>; log?: Log } = {},
): Promise<TestApi> {
  const dynoxide = await startDynoxide();
  t.after(dynoxide.stop);
  const management = await openManagement(dynoxide.endpoint);
  t.after(management.close);
  const throttle = new Throttle({ redis: undefined, healthyZones: () => 1 });
  const { usage, clock } = management;
  const meter = new UsageMeter({ usage, bootId: 'boot', clock, log: silent });
  const metrics = new Metrics({ region, zone: 'a' });
  const engines = Object.assign(new Engines(log), { client: () => engine }) as unknown as Services['engines'];
  const follower = new SeriesFollower({ engines, management, log: silent });
  const writes = new WriteFigures();
  const folder = temporaryFolder();
  t.after(folder.remove);
  const objects = new DirectoryStore({ path: folder.path, link: () => 'http://link' });
  const writeQueue = new WriteQueue({ objects, announce: async () => {}, clock, log: silent });
  addFigures({ metrics, engines, management, follower, throttle, meter, writes, writeQueue });
  const services = {
    config: {
      ...{ region, regionEndpoints: { [region]: 'http://here' } },
      ...{ maxBodyBytes: 1e6, trustedProxies: 0, slowQueryMs: 60_000 },
      ...config,
    },
    log,
    management,
    tasks: { announce: async () => {}, close: () => {} },
    engines,
    follower,
    throttle,
    meter,
    writes,
    writeQueue,
    objects,
    metrics,
    nowNs: () => BigInt(clock()) * 1_000_000n,
  } as unknown as Services;
  const server = createServer(services);
  server.listen(0, '127.0.0.1');
  await once(server.server, 'listening');
  t.after(() => {
    server.server.closeAllConnections();
    server.close();
  });
  await management.tokens.ensureOperator(operatorSecret, region);
  const operator = new Service(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, operatorSecret);
  return {
    services,
    management,
    meter,
    operator,
    async account(name, fields = {}) {
      const { json, text } = await operator.ask('/v1/accounts', { body: { name, ...fields } });
      if (!json?.token) throw new Error(text);
      return { id: json.account.id, service: operator.as(json.token) };
    },
    async database(accountId, name, schema = 'flexible') {
      const { database } = await management.databases.createDatabase(
        {
          accountId,
          name,
          region,
          volumes: 1,
          schema,
        },
        theService,
      );
      return management.databases.change(database, { status: 'active', endpoint: { host: '127.0.0.1', port: 1 } });
    },
  };
}
