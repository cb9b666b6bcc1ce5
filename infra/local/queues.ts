// The process that stands in for SQS. It keeps its queues in memory only, so it makes them anew at every start; the sweeper
// sends again what was in them.
// Usage: node infra/local/queues.ts <port> <region>
import { buildApp } from 'fauxqs';
import { onStop } from '../../src/base/lifecycle.ts';
import { createLog } from '../../src/base/log.ts';
import { createSqs, ensureQueues } from '../../src/tasks/queue.ts';

const [port, region] = process.argv.slice(2) as [string, string];
const log = createLog('queues', 'info');
// Not startFauxqs: that listens on every address of the machine.
const app = buildApp({ logger: false, defaultRegion: region });
const endpoint = await app.listen({ port: Number(port), host: '127.0.0.1' });
onStop(() => app.close(), { stopWithParent: true, log });
await ensureQueues(createSqs({ region, endpoint }));
log.info('ready', { endpoint });
