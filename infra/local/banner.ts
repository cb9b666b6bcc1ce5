import { relative } from 'node:path';
import type { Plan } from './plan.ts';
import type { LocalSettings } from './settings.ts';

/** What `npm start` prints once everything has answered. */
export function banner({ url, adminToken, redis }: Plan, { region, dataDir, q }: LocalSettings): string {
  const data = relative('', dataDir);
  return `
A region (${region}) is running on this machine.

  API     ${url}
  Token   ${adminToken}
          the operator's; it also owns the account local
  Data    ${data.startsWith('..') ? dataDir : `./${data}`} (logs in logs/)
  Redis   ${redis ?? 'absent: tokens and databases are cached in the API process only (apt-get install redis-server, or set REDIS_URL)'}
  kdb+    ${q ? 'TSG_Q is set, but databases run on the embedded engine in this version' : 'absent: databases run on the embedded engine'}

Create a database, write points, query them:

${curlLines(url, adminToken).join('\n\n')}

Ctrl-C stops everything.
`;
}

/** A new database answers 503 with Retry-After until it is active, so the write is told to retry. */
function curlLines(url: string, token: string): string[] {
  const database = `${url}/v1/databases/plant`;
  const authorization = `-H 'Authorization: Bearer ${token}'`;
  const json = `-H 'Content-Type: application/json'`;
  const points = [
    { series: 'cpu', tags: { host: 'a' }, fields: { usage: 21.5 } },
    { series: 'cpu', tags: { host: 'b' }, fields: { usage: 48 } },
  ];
  return [
    `curl ${url}/v1/databases ${authorization} ${json} -d '{"name":"plant"}'`,
    `curl -sSf --retry 10 ${database}/write ${authorization} ${json} -d '${JSON.stringify(points)}'`,
    `curl '${database}/series/cpu/query?from=-1h&aggregation=avg&group-by=host' ${authorization}`,
  ];
}
