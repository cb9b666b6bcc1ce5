import type { OutgoingHttpHeaders } from 'node:http';
import type { Response } from 'restify';
import { ApiError, apiError } from '../base/errors.ts';
import { idHeaders, type RequestIds } from './request-ids.ts';
import type { Context } from './step.ts';
import { hasUnreadBody, sendBeforeBody } from './unread-body.ts';

/** Up to here copying a body costs less than a write of two pieces: 25 µs. */
const joinedBytes = 16_384;

export function replyJson(context: Context, status: number, body: unknown): void {
  send(context.response, status, context, JSON.stringify(body));
}

/** JSON that stands ready as bytes. */
export function replyBytes(context: Context, status: number, body: Buffer): void {
  context.response.writeHead(status, jsonHeaders(context, body.length));
  // As text a body goes out joined to its head; latin1 keeps every byte.
  if (body.length <= joinedBytes) context.response.end(body.toString('latin1'), 'latin1');
  else context.response.end(body);
}

export function replyNothing(context: Context): void {
  context.response.writeHead(204, idHeaders(context));
  context.response.end();
}

/**
 * Answers with the error and gives what the log should say of it: of a refusal no more than its code, since the sentence may repeat what the
 * caller sent. An error of ours shows nothing of itself to the caller.
 */
export function replyError(context: Context, thrown: unknown): unknown {
  const error = thrown instanceof ApiError ? thrown : apiError('InternalError', {}, { cause: thrown });
  const { response } = context;
  if (error.status >= 500 && error.status !== 503) {
    context.log.error('request failed', {
      route: context.route,
      error: error.cause ?? error,
    });
  }
  if (response.headersSent) {
    // The reply is half out: cutting the connection is the only way left to say that it is not whole.
    response.destroy();
  } else {
    writeError(response, error, context, context.errorBody?.(context, error));
  }
  return error.status === 503 ? `${error.code}: ${error.message}` : error.code;
}

/** Also for what restify itself refuses, before there is a context. */
export function writeError(response: Response, error: ApiError, ids: RequestIds, body = bodyOf(error, ids)): void {
  for (const [name, value] of Object.entries(idHeaders(ids))) response.setHeader(name, value);
  if (error.retryAfterS !== undefined) response.setHeader('Retry-After', String(error.retryAfterS));
  if (error.status === 401) response.setHeader('WWW-Authenticate', 'Bearer');
  const text = JSON.stringify(body);
  if (hasUnreadBody(response.req)) sendBeforeBody(response, error.status, text);
  else send(response, error.status, ids, text);
}

function bodyOf({ code, message, extra }: ApiError, { requestId }: RequestIds): object {
  return { code, message, requestId, ...extra };
}

/** Head and body in one call each, so that Node sends them as one text by one write: by restify's own send they are three, 25 µs more. */
function send(response: Response, status: number, ids: RequestIds, text: string): void {
  response.writeHead(status, jsonHeaders(ids, Buffer.byteLength(text)));
  response.end(text);
}

/** All at once, for writeHead: a header set before makes Node collect and check them one by one. */
function jsonHeaders(ids: RequestIds, bytes: number): OutgoingHttpHeaders {
  return { ...idHeaders(ids), 'Content-Type': 'application/json', 'Content-Length': bytes };
}
