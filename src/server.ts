import restify, { type Request, type Response, type Server } from 'restify';
import { changeAccount, closeAccount, createAccount, getAccount, listAccounts } from './api/accounts.ts';
import { asofSpec } from './api/asof.ts';
import { listAudit } from './api/audit.ts';
import {
  createBackup,
  createRestore,
  deleteBackup,
  getBackup,
  listBackups,
  listDatabaseBackups,
} from './api/backups.ts';
import { getCatalogueEntry, listCatalogue } from './api/catalogue.ts';
import { changeDatabase, createDatabase, deleteDatabase, getDatabase, listDatabases } from './api/databases.ts';
import { diagnostics } from './api/diagnostics.ts';
import { createExport, getExport, listExports } from './api/exports.ts';
import { listImportParts, putImportPart, startImport } from './api/import-parts.ts';
import { createImport, getRejects, listImports } from './api/imports.ts';
import { influxPing, influxWriteV1, influxWriteV2 } from './api/influx.ts';
import { influxQuery } from './api/influx-query.ts';
import { metrics } from './api/metrics.ts';
import { moveDatabase } from './api/moves.ts';
import { requirePathNames } from './api/names.ts';
import { downloadObject } from './api/objects.ts';
import { prometheusWrite } from './api/prometheus.ts';
import { latest, latestSpec, query, querySpec } from './api/query.ts';
import { getReceipt } from './api/receipts.ts';
import { writeError } from './api/reply.ts';
import { nextRequestIds } from './api/request-ids.ts';
import { defineSeries, describeSeries, dropSeries, listSeries } from './api/series.ts';
import { health, ready, routeList } from './api/service.ts';
import type { Services } from './api/services.ts';
import { handler, type Step } from './api/step.ts';
import { listTags, listTagValues } from './api/tags.ts';
import { cancelTask, getTask, listTasks } from './api/tasks.ts';
import { createToken, listTokens, revokeToken } from './api/tokens.ts';
import { listUsage } from './api/usage.ts';
import { changeUser, createUser, listUsers, removeUser } from './api/users.ts';
import { write } from './api/write.ts';
import { type ApiError, apiError } from './base/errors.ts';

type Method = 'get' | 'head' | 'post' | 'put' | 'patch' | 'del';

const series = '/v1/databases/:database/series/:series';

/** Every route: method, path, name, steps. */
const routes: readonly (readonly [Method, string, string, readonly Step[]])[] = [
  ['get', '/health', 'health', health],
  ['get', '/ready', 'ready', ready],
  ['get', '/metrics', 'metrics', metrics],
  ['post', '/v1/accounts', 'createAccount', createAccount],
  ['get', '/v1/accounts', 'listAccounts', listAccounts],
  ['get', '/v1/accounts/:account', 'getAccount', getAccount],
  ['patch', '/v1/accounts/:account', 'changeAccount', changeAccount],
  ['del', '/v1/accounts/:account', 'closeAccount', closeAccount],
  ['post', '/v1/users', 'createUser', createUser],
  ['get', '/v1/users', 'listUsers', listUsers],
  ['patch', '/v1/users/:user', 'changeUser', changeUser],
  ['del', '/v1/users/:user', 'removeUser', removeUser],
  ['post', '/v1/tokens', 'createToken', createToken],
  ['get', '/v1/tokens', 'listTokens', listTokens],
  ['del', '/v1/tokens/:token', 'revokeToken', revokeToken],
  ['post', '/v1/databases', 'createDatabase', createDatabase],
  ['get', '/v1/databases', 'listDatabases', listDatabases],
  ['get', '/v1/databases/:database', 'getDatabase', getDatabase],
  ['patch', '/v1/databases/:database', 'changeDatabase', changeDatabase],
  ['del', '/v1/databases/:database', 'deleteDatabase', deleteDatabase],
  ['post', '/v1/databases/:database/move', 'moveDatabase', moveDatabase],
  ['get', '/v1/databases/:database/diagnostics', 'diagnostics', diagnostics],
  ['post', '/v1/databases/:database/write', 'write', write],
  ['post', '/v1/databases/:database/prometheus/write', 'prometheusWrite', prometheusWrite],
  ['post', '/api/v2/write', 'influxWriteV2', influxWriteV2],
  ['post', '/write', 'influxWriteV1', influxWriteV1],
  ['get', '/ping', 'influxPing', influxPing],
  ['head', '/ping', 'influxPingHead', influxPing],
  ['get', '/query', 'influxQuery', influxQuery],
  ['post', '/query', 'influxQueryPost', influxQuery],
  ['get', '/v1/databases/:database/receipts/:receipt', 'getReceipt', getReceipt],
  ['get', '/v1/databases/:database/catalogue', 'listCatalogue', listCatalogue],
  ['get', '/v1/databases/:database/catalogue/:series', 'getCatalogueEntry', getCatalogueEntry],
  ['post', '/v1/databases/:database/imports', 'createImport', createImport],
  ['get', '/v1/databases/:database/imports', 'listImports', listImports],
  ['get', '/v1/databases/:database/imports/:import/rejects', 'getRejects', getRejects],
  ['post', '/v1/databases/:database/exports', 'createExport', createExport],
  ['get', '/v1/databases/:database/exports', 'listExports', listExports],
  ['get', '/v1/databases/:database/exports/:task', 'getExport', getExport],
  ['put', '/v1/databases/:database/imports/:import/parts/:part', 'putImportPart', putImportPart],
  ['get', '/v1/databases/:database/imports/:import/parts', 'listImportParts', listImportParts],
  ['post', '/v1/databases/:database/imports/:import/start', 'startImport', startImport],
  ['post', '/v1/databases/:database/backups', 'createBackup', createBackup],
  ['get', '/v1/databases/:database/backups', 'listDatabaseBackups', listDatabaseBackups],
  ['get', '/v1/backups', 'listBackups', listBackups],
  ['get', '/v1/backups/:backup', 'getBackup', getBackup],
  ['del', '/v1/backups/:backup', 'deleteBackup', deleteBackup],
  ['get', '/v1/databases/:database/backups/:backup', 'getDatabaseBackup', getBackup],
  ['del', '/v1/databases/:database/backups/:backup', 'deleteDatabaseBackup', deleteBackup],
  ['post', '/v1/restores', 'createRestore', createRestore],
  ['get', '/v1/databases/:database/series', 'listSeries', listSeries],
  ['put', series, 'defineSeries', defineSeries],
  ['get', series, 'describeSeries', describeSeries],
  ['del', series, 'dropSeries', dropSeries],
  ['post', '/v1/databases/:database/query', 'querySpec', querySpec],
  ['post', '/v1/databases/:database/latest', 'latestSpec', latestSpec],
  ['post', '/v1/databases/:database/asof', 'asofSpec', asofSpec],
  ['get', `${series}/tags`, 'listTags', listTags],
  ['get', `${series}/tags/:tag`, 'listTagValues', listTagValues],
  ['get', `${series}/query`, 'query', query],
  ['get', `${series}/latest`, 'latest', latest],
  ['get', '/v1/audit', 'listAudit', listAudit],
  ['get', '/v1/usage', 'listUsage', listUsage],
  ['get', '/v1/objects/*', 'downloadObject', downloadObject],
  ['get', '/v1/tasks', 'listTasks', listTasks],
  ['get', '/v1/tasks/:task', 'getTask', getTask],
  ['del', '/v1/tasks/:task', 'cancelTask', cancelTask],
];

/** The router's own 100 would hide longer names. Node bounds the whole head to as much. */
const maxParamLength = 16_384;
const keepAliveTimeoutMs = 75_000;
/** Counted from the last answer on too, so it is the longer one. */
const headersTimeoutMs = 80_000;

export function createServer(services: Services): Server {
  // A name would become a header of every reply, set on its own (reply.ts).
  const server = restify.createServer({ name: '', noWriteContinue: true, maxParamLength });
  for (const [method, path, name, steps] of routes) {
    const all = path.includes(':') ? [requirePathNames, ...steps] : steps;
    server[method]({ path, name }, handler(services, name, all));
  }
  server.get(
    { path: '/', name: 'routes' },
    handler(
      services,
      'routes',
      routeList(routes.map(([method, path]) => `${method === 'del' ? 'DELETE' : method.toUpperCase()} ${path}`)),
    ),
  );
  server.on('restifyError', refuse);
  // A load balancer keeps its side open for 60 s: a connection that this side closed first would be a request lost.
  server.server.keepAliveTimeout = keepAliveTimeoutMs;
  server.server.headersTimeout = headersTimeoutMs;
  // Node hands the connection to whoever listens for upgrades; restify does, but answers nobody. Unheard, `Upgrade: h2c` is plain HTTP/1.1.
  server.server.removeAllListeners('upgrade');
  return server;
}

/** What restify refuses by itself: no such route, a method that the route does not have, a path that cannot be decoded. */
function refuse(request: Request, response: Response, error: Error & { statusCode?: number }): void {
  // The callback that restify gives is not called: it would send restify's own reply, since only replies of its own `send` count for it.
  if (!response.headersSent) writeError(response, refusal(request, error), nextRequestIds(request));
}

function refusal(request: Request, error: Error & { statusCode?: number }): ApiError {
  const method = request.method ?? '';
  const path = (request.url ?? '').split('?')[0]!;
  if (error.statusCode === 404) return apiError('RouteNotFound', { method, path });
  if (error.statusCode === 405) return apiError('MethodNotAllowed', { method, path });
  if ((error.statusCode ?? 500) < 500) return apiError('InvalidRequest', { reason: error.message });
  return apiError('InternalError', {}, { cause: error });
}
