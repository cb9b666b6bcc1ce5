// HTTP on the port of messages: .z.ac lets in, .z.ph and .z.pp answer [ref/dotz#zac]. A websocket is one that .z.ac let in and nothing answers.

import { chars, dict, list, type Q, symbols, textOf } from '../values.ts';
import type { Caller, Session } from './server.ts';

export const isHttp = (bytes: Buffer): boolean =>
  /^(?:GET|POST|PUT|PATCH|DELETE|OPTIONS) \//.test(bytes.toString('latin1', 0, 16));

const unauthorised = 'HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n';
const missing = 'HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n';

/** Undefined: the head is not whole yet. */
export function answerHttp(bytes: Buffer, session: Session, caller: Caller): string | undefined {
  const text = bytes.toString('latin1');
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const [line = '', ...headers] = text.slice(0, end).split('\r\n');
  const [method, path = '/'] = line.split(' ');
  const named = headers.map((header) => /^([^:]*):\s*(.*)$/.exec(header)).filter((found) => found !== null);
  const headerDict = dict(symbols(named.map((found) => found[1]!)), list(named.map((found) => chars(found[2]!))));
  const request = list([chars(path.slice(1)), headerDict]);
  const verdict = session.call('.z.ac', [request], caller);
  if (verdict?.kind === 'list' && !isOne(verdict.v[0]))
    return isTwo(verdict.v[0]) ? textOf(verdict.v[1]!) : unauthorised;
  const answer = session.call(method === 'POST' ? '.z.pp' : method === 'GET' ? '.z.ph' : '.z.pm', [request], caller);
  return answer ? textOf(answer) : missing;
}

const isNumber = (wanted: bigint) => (x: Q | undefined) => x?.kind === 'atom' && BigInt(x.v) === wanted;
const isOne = isNumber(1n);
const isTwo = isNumber(2n);
