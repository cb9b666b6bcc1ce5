import { decoderFor, type FormatName, formatNames, type Precision } from '../ingest/index.ts';
import { dataAccess, withinRate, withinStorage } from './access.ts';
import { readBody } from './body.ts';
import { badLines, decodeBody, insert, queue, receiptOf } from './insert.ts';
import { replyJson } from './reply.ts';
import { readParameters } from './schema.ts';
import type { Context, Step } from './step.ts';
import { tableOf, tableParameters } from './table.ts';

export const write: Step[] = [
  ...dataAccess('write'),
  withinStorage,
  withinRate('pointsPerSecond'),
  readParameters({
    type: 'object',
    additionalProperties: false,
    properties: {
      precision: { enum: ['ns', 'us', 'ms', 's'] },
      partial: { enum: ['true', 'false'] },
      format: { enum: formatNames },
      ack: { enum: ['synced', 'queued'] },
      ...tableParameters,
    },
  }),
  readBody,
  function decode(context: Context): void {
    const { precision = 'ns', partial, format } = context.parameters!;
    const decoder = decoderFor(context.request.headers['content-type'], format as FormatName | undefined);
    const table = tableOf(context.parameters!);
    const options = { precision: precision as Precision, partial: partial === 'true', ...(table && { table }) };
    decodeBody(context, decoder, options);
  },
  function write(context: Context): Promise<void> {
    return context.parameters!['ack'] === 'queued' ? queue(context) : insert(context);
  },
  function reply(context: Context): void {
    const written = context.written!;
    if (context.receipt !== undefined) {
      replyJson(context, 202, { receipt: context.receipt, ...receiptOf(written) });
      return;
    }
    if (written.faultCount > 0) throw badLines(written);
    replyJson(context, 200, receiptOf(written));
  },
];
