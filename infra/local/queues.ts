// The process that stands in for SQS and SNS in every region; a client's region is part of its queues' identity. It keeps them in memory
// only, so it makes them anew at every start. The sweepers send again the tasks that were in them; events of the change feed that were are
// lost, and every replicator sees that its queue is another one and compares its caches with DynamoDB (workers/cache-mender.ts).
// Usage: node infra/local/queues.ts <port> <region> …
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buildApp } from 'fauxqs';
import { onStop } from '../../src/base/lifecycle.ts';
import { createLog } from '../../src/base/log.ts';
import { createSns, ensureTopic } from '../../src/management/topic.ts';
import { ensureFeedQueue } from '../../src/tasks/feed-queue.ts';
import { ensureIngestQueue } from '../../src/tasks/ingest-queue.ts';
import { createSqs, ensureQueues } from '../../src/tasks/queue.ts';
import { returnFromDeadPolls } from './dead-polls.ts';

const [port, ...regions] = process.argv.slice(2) as [string, ...string[]];
const home = regions[0]!;
const log = createLog('queues', 'info');
// Not startFauxqs: that listens on every address of the machine.
const app = buildApp({ logger: false, defaultRegion: home });
returnFromDeadPolls(app);
await app.ready();
// On a port that nobody knows: an event that is published before every queue has subscribed reaches only some of them.
const inside = createServer((request, response) => app.routing(request, response)).listen(0, '127.0.0.1');
await once(inside, 'listening');
await makeQueues(`http://127.0.0.1:${(inside.address() as AddressInfo).port}`);
inside.close();
const endpoint = await app.listen({ port: Number(port), host: '127.0.0.1' });
onStop(() => app.close(), { stopWithParent: true, log });
log.info('ready', { endpoint });

async function makeQueues(endpoint: string): Promise<void> {
  const sns = createSns({ region: home, endpoint });
  const topicArn = await ensureTopic(sns);
  for (const region of regions) {
    const sqs = createSqs({ region, endpoint });
    await ensureQueues(sqs);
    await ensureFeedQueue(sqs, sns, topicArn);
    const own = createSns({ region, endpoint });
    await ensureIngestQueue(sqs, own);
    own.destroy();
    sqs.destroy();
  }
  sns.destroy();
}
