import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { QueryResult } from '../kdb/engine.ts';
import { encodeJson, jsonChunks, type ResultFormat } from '../query/json-result.ts';
import { replyBytes } from './reply.ts';
import { idHeaders } from './request-ids.ts';
import type { Context } from './step.ts';

/** Results up to this many cells are sent in one piece, with their length: about 20 ms of one core at worst. */
const wholeCells = 50_000;

/** Answers with the result; a big one goes out in parts, as fast as the client takes them. */
export async function replyRows(context: Context, result: QueryResult, format: ResultFormat): Promise<void> {
  const { response } = context;
  if (result.rows * result.columns.length <= wholeCells) {
    replyBytes(context, 200, encodeJson(result, format));
    return;
  }
  response.writeHead(200, { ...idHeaders(context), 'Content-Type': 'application/json' });
  await pipeline(Readable.from(jsonChunks(result, format), { objectMode: false }), response).catch((error: unknown) => {
    // A client that hangs up in the middle is no fault of anybody.
    if ((error as NodeJS.ErrnoException).code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error;
  });
}
