// What clients of InfluxDB 1 ask before they write: is there such a database? It is not made here: that takes a region, volumes and a while.

import { parse } from 'node:querystring';
import { coversDatabase, requireScope } from '../auth/token.ts';
import { apiError } from '../base/errors.ts';
import { anyAccess } from './access.ts';
import { readBody } from './body.ts';
import { influxSecret, speakV1 } from './influx.ts';
import { replyJson } from './reply.ts';
import { readParameters, single } from './schema.ts';
import type { Context, Step } from './step.ts';

type Result = object | Promise<object>;

const statements: readonly (readonly [form: RegExp, answer: (context: Context, name: string) => Result])[] = [
  // Exports have `CREATE DATABASE x WITH NAME autogen`.
  [/^create\s+database\s+(?:"((?:[^"\\]|\\.)+)"|(\S+))(?:\s+with\s.*)?$/is, created],
  [/^show\s+databases$/i, databases],
];

export const influxQuery: Step[] = [
  speakV1,
  readParameters({ type: 'object', properties: { q: single, u: single, p: single } }),
  ...anyAccess(influxSecret),
  readBody,
  async function answer(context: Context): Promise<void> {
    const results = [];
    for (const [id, statement] of statementsOf(context).entries()) {
      results.push({ statement_id: id, ...(await answered(context, statement)) });
    }
    replyJson(context, 200, { results });
  },
];

function statementsOf({ parameters, body }: Context): string[] {
  const q = parameters!['q'] ?? parse(body!.toString('utf8'))['q'];
  const given = `${q ?? ''}`.split(';').map((statement) => statement.trim());
  const found = given.filter((statement) => statement !== '');
  if (found.length === 0) throw apiError('InvalidRequest', { reason: 'missing required parameter "q"' });
  return found;
}

function answered(context: Context, statement: string): Result {
  for (const [form, answer] of statements) {
    const match = form.exec(statement);
    if (match) return answer(context, match[1]?.replace(/\\(.)/g, '$1') ?? match[2] ?? '');
  }
  const reason = 'of InfluxQL only CREATE DATABASE and SHOW DATABASES are answered; see GET / for queries';
  throw apiError('InvalidRequest', { reason });
}

async function created({ services, token }: Context, name: string): Promise<object> {
  const known =
    coversDatabase(token!, name) && (await services.management.databases.getDatabase(token!.accountId, name));
  return known ? {} : { error: `there is no database ${name}: make it by POST /v1/databases` };
}

async function databases({ services, token, user }: Context): Promise<object> {
  requireScope(token!, user, 'read');
  const all = await services.management.databases.listDatabases(token!.accountId);
  const names = all.filter(({ name }) => coversDatabase(token!, name)).map(({ name }) => [name]);
  return { series: [{ name: 'databases', columns: ['name'], values: names }] };
}
