import type { Response } from 'restify';
import { ApiError, apiError } from '../base/errors.ts';
import type { Context } from './step.ts';
import { hasUnreadBody, sendBeforeBody } from './unread-body.ts';

export function replyJson(context: Context, status: number, body: unknown): void {
  send(context.response, status, JSON.stringify(body));
}

export function replyNothing(context: Context): void {
  context.response.writeHead(204);
  context.response.end();
}

/** Answers with the error and gives what the log should say of it. An error of ours shows nothing of itself to the caller. */
export function replyError(context: Context, thrown: unknown): unknown {
  const error = thrown instanceof ApiError ? thrown : apiError('InternalError', {}, { cause: thrown });
  const { response } = context;
  if (error.status >= 500 && error.status !== 503) {
    context.log.error('request failed', {
      requestId: context.requestId,
      route: context.route,
      error: error.cause ?? error,
    });
  }
  if (response.headersSent) {
    // The reply is half out: cutting the connection is the only way left to say that it is not whole.
    response.destroy();
  } else {
    writeError(response, error, context.requestId);
  }
  return error.code === 'InternalError' ? error.code : `${error.code}: ${error.message}`;
}

/** Also for what restify itself refuses, before there is a context. */
export function writeError(response: Response, error: ApiError, requestId: string): void {
  response.setHeader('X-Request-Id', requestId);
  if (error.retryAfterS !== undefined) response.setHeader('Retry-After', String(error.retryAfterS));
  if (error.status === 401) response.setHeader('WWW-Authenticate', 'Bearer');
  const text = JSON.stringify({ code: error.code, message: error.message, requestId, ...error.extra });
  if (hasUnreadBody(response.req)) sendBeforeBody(response, error.status, text);
  else send(response, error.status, text);
}

function send(response: Response, status: number, text: string): void {
  response.sendRaw(status, text, {
    'Content-Type': 'application/json',
    'Content-Length': String(Buffer.byteLength(text)),
  });
}
