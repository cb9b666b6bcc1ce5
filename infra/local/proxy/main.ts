// Stands before DynamoDB and SNS of the home region for processes of other regions.
// Usage: node infra/local/proxy/main.ts <control port> <name>=<port>:<target port>:<one-way delay in ms> …

import { once } from 'node:events';
import { onStop } from '../../../src/base/lifecycle.ts';
import { createLog } from '../../../src/base/log.ts';
import { createControl } from './control.ts';
import { Link } from './link.ts';

const [controlPort, ...definitions] = process.argv.slice(2) as [string, ...string[]];
const log = createLog('proxy', 'info');
const links = await Promise.all(
  definitions.map(async (definition) => {
    const [name, numbers] = definition.split('=') as [string, string];
    const [port, targetPort, delayMs] = numbers.split(':').map(Number) as [number, number, number];
    const link = new Link(name, targetPort, { state: 'open', upMs: delayMs, downMs: delayMs });
    await link.listen(port);
    return link;
  }),
);
const control = createControl(links).listen(Number(controlPort), '127.0.0.1');
await once(control, 'listening');
onStop(
  async () => {
    control.close();
    control.closeAllConnections();
    for (const link of links) link.close();
  },
  { stopWithParent: true, log },
);
log.info('ready', { links: definitions });
