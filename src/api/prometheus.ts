import { compatibleSecret } from '../auth/token.ts';
import { apiError } from '../base/errors.ts';
import { decodeRemoteWrite } from '../ingest/remote-write.ts';
import { dataAccess, withinRate, withinStorage } from './access.ts';
import { readBody } from './body.ts';
import { badLines, decodeBody, insert } from './insert.ts';
import { replyNothing } from './reply.ts';
import type { Context, Step } from './step.ts';

const mediaType = 'application/x-protobuf';
/** Of version 2, which a sender then leaves for 1. */
const laterMessage = /proto=io\.prometheus\.write\.v2/;

export const prometheusWrite: Step[] = [
  ...dataAccess('write', ({ request }) => compatibleSecret(request.headers.authorization, undefined)),
  withinStorage,
  withinRate('pointsPerSecond'),
  function requireWriteRequest({ request }: Context): void {
    const type = request.headers['content-type'] ?? mediaType;
    if (type.split(';')[0]!.trim().toLowerCase() === mediaType && !laterMessage.test(type)) return;
    throw apiError('UnsupportedMediaType', { type, accepted: `${mediaType} (remote write 1.0)` });
  },
  readBody,
  function decode(context: Context): void {
    decodeBody(context, decodeRemoteWrite, { precision: 'ms', partial: true });
    context.services.writes.withoutValue += context.batch!.withoutValue ?? 0;
  },
  insert,
  function reply(context: Context): void {
    const { accepted, faultCount } = context.written!;
    context.response.setHeader('X-Prometheus-Remote-Write-Samples-Written', `${accepted}`);
    if (faultCount > 0) throw badLines(context.written!);
    replyNothing(context);
  },
];
