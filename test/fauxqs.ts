// SQS and SNS as a process of their own: for tests that would keep one in their own process from answering in time.
// Usage: node test/fauxqs.ts <port>
import { buildApp } from 'fauxqs';

await buildApp({ logger: false, defaultRegion: 'eu-west-1' }).listen({
  port: Number(process.argv[2]),
  host: '127.0.0.1',
});
