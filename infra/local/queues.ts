// The process that stands in for SQS and SNS in every region; a client's region is part of its queues' identity. It keeps them in memory
// only, so it makes them anew at every start; the sweepers send again what was in them.
// Usage: node infra/local/queues.ts <port> <region> …
import { buildApp } from 'fauxqs';
import { onStop } from '../../src/base/lifecycle.ts';
import { createLog } from '../../src/base/log.ts';
import { createSns, ensureTopic } from '../../src/management/topic.ts';
import { ensureFeedQueue } from '../../src/tasks/feed-queue.ts';
import { createSqs, ensureQueues } from '../../src/tasks/queue.ts';

const [port, ...regions] = process.argv.slice(2) as [string, string];
const home = regions[0]!;
const log = createLog('queues', 'info');
// Not startFauxqs: that listens on every address of the machine.
const app = buildApp({ logger: false, defaultRegion: home });
const endpoint = await app.listen({ port: Number(port), host: '127.0.0.1' });
onStop(() => app.close(), { stopWithParent: true, log });
const sns = createSns({ region: home, endpoint });
const topicArn = await ensureTopic(sns);
for (const region of regions) {
  const sqs = createSqs({ region, endpoint });
  await ensureQueues(sqs);
  await ensureFeedQueue(sqs, sns, topicArn);
}
log.info('ready', { endpoint });
