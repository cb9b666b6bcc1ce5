import { relative } from 'node:path';
import type { Plan } from './plan.ts';
import type { LocalSettings } from './settings.ts';

/** What `npm start` prints once everything has answered. */
export function banner(plan: Plan, settings: LocalSettings): string {
  const { urls, adminToken, redis } = plan;
  const names = Object.keys(urls);
  const home = names[0]!;
  const data = relative('', settings.dataDir);
  return `
${names.length === 1 ? `A region (${home}) is running` : `${names.length} regions are running`} on this machine.

  API     ${apis(urls)}
  Token   ${adminToken}
          the operator's; it also owns the account local
  Data    ${data.startsWith('..') ? settings.dataDir : `./${data}`} (logs in logs/)
  Redis   ${redis ?? 'absent: tokens and databases are cached in the API process only (apt-get install redis-server, or set REDIS_URL)'}${redis && zones(settings)}
${distance(plan, settings)}  kdb+    ${settings.q ? `databases run on ${settings.q}` : 'absent: databases run on the embedded engine'}

Create a database, write points, query them:

${curlLines(urls[home]!, adminToken).join('\n\n')}
${names.length === 1 ? '' : `\nA database lives where "region" says, else in the region that was asked; there it is written and queried. The rest works everywhere.\n`}
Ctrl-C stops everything.
`;
}

function apis(urls: Plan['urls']): string {
  const entries = Object.entries(urls);
  if (entries.length === 1) return entries[0]![1];
  const width = Math.max(...entries.map(([name]) => name.length));
  return entries
    .map(([name, url], i) => `${name.padEnd(width)}  ${url}${i === 0 ? '  (home)' : ''}`)
    .join('\n          ');
}

function zones({ regions, zones }: LocalSettings): string {
  return regions.length * zones === 1 ? '' : `, one per zone (${zones} in each region)`;
}

function distance({ proxy }: Plan, { latencyMs }: LocalSettings): string {
  if (proxy === null) return '';
  return `  Proxy   ${proxy}${latencyMs > 0 ? `: ${latencyMs} ms from the other regions to home and back` : ''}\n`;
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
