// The agent of a database host: runs its databases, and does what workers ask for on its control port.

import type { AddressInfo } from 'node:net';
import { FigureLines } from '../../src/base/cloudwatch.ts';
import { type AgentConfig, readAgentConfig } from '../../src/base/config.ts';
import { enter, onStop } from '../../src/base/lifecycle.ts';
import { createLog } from '../../src/base/log.ts';
import { Metrics } from '../../src/base/metrics.ts';
import { serveMetrics } from '../../src/base/metrics-port.ts';
import { openObjectStore } from '../../src/base/objects/open.ts';
import { createEngineClient } from '../../src/kdb/client.ts';
import { createManagement } from '../../src/management/index.ts';
import type { Database } from '../../src/management/records.ts';
import { Accounting } from './accounting.ts';
import { Agent } from './agent.ts';
import { createControl } from './control.ts';
import { Fence } from './fence.ts';
import { addFigures, hostFigures } from './figures.ts';
import { createHostServer, type HostServer } from './host-server.ts';
import { openLimits } from './limits.ts';
import { embeddedProgram, qProgram } from './program.ts';
import { Registration } from './registration.ts';
import { Shipper } from './shipper.ts';
import { StartTurns } from './start-turns.ts';

async function main(config: AgentConfig): Promise<void> {
  const { hostId, region, zone, host, slots } = config;
  const log = createLog('agent', config.logLevel, config.loggly);
  let registration: Registration | undefined;
  let hostServer: HostServer | undefined;
  const management = createManagement(config, log);
  const fence = await Fence.open({ hostId, volumes: config.volumes, log });
  const { volumes } = fence;
  await fence.take(management.hosts);
  const startTurns = new StartTurns(config.startsAtOnce);
  const agent = new Agent({
    host,
    volumes,
    slots,
    program: config.q ? qProgram(config.q) : embeddedProgram(),
    log,
    startTurns,
    fence,
    limits: await openLimits(config.databaseMemoryMb, config.databaseCpu, log),
    logFiles: config.databaseLogs,
    durablePort: () => hostServer?.port,
    moved: () => registration?.wake(),
  });
  // Before the control port opens: what is on the volumes must be known before anybody may add to it or remove from it.
  await agent.start();
  if (config.q)
    hostServer = await createHostServer({
      host,
      databases: () => agent.processes().map((each) => each.config),
      connections: config.q.connections,
    });

  const control = createControl({
    ...{ agent, secret: config.agentSecret, log },
    restart: () => process.kill(process.pid, 'SIGTERM'),
  });
  await new Promise<void>((resolve, reject) => {
    control.once('error', reject);
    control.listen(config.port, host, resolve);
  });
  const { port } = control.address() as AddressInfo;
  registration = new Registration({
    ...{ management, agent, fence, log },
    maxHeldMs: config.maxHeldMs,
    host: { id: hostId, region, zone, agent: { host, port }, slots, volumes: volumes.length },
  });
  registration.start();
  const accounting = new Accounting({ management, hostId, agent, measure: storedBytes, log });
  accounting.start();
  const shipper = new Shipper({ agent, objects: openObjectStore(config, log), log });
  shipper.start();
  const tasks = [registration, accounting, shipper];
  void fence.lost.then(() => Promise.all([agent.kill(), ...tasks.map((task) => task.stop())]));
  const metrics = new Metrics({ region, zone });
  addFigures(metrics, { agent, slots, startTurns, fence, syncTimes: hostServer?.syncTimes });
  const figureLines = config.cloudwatchFigures
    ? new FigureLines({ region, read: () => hostFigures(agent, hostServer?.syncTimes), log })
    : undefined;
  figureLines?.start();
  const watched = await serveMetrics(metrics, config.metricsPort);
  process.stdout.write(`listening ${port}\n`);

  onStop(
    async () => {
      watched?.close();
      control.close();
      control.closeIdleConnections();
      await registration?.stop();
      await accounting.stop();
      await shipper.stop();
      await figureLines?.stop();
      await agent.stop();
      await hostServer?.close();
      await management.close();
    },
    { stopWithParent: config.stopWithParent, log },
  );
}

async function storedBytes({ endpoint, user, password }: Database): Promise<number> {
  const client = createEngineClient({ ...endpoint!, user, password });
  try {
    const { bytesPerVolume, journalBytes } = await client.stats();
    return Number(bytesPerVolume.reduce((sum, bytes) => sum + bytes, journalBytes));
  } finally {
    await client.close();
  }
}

await enter(() => main(readAgentConfig(process.env)));
