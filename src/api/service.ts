import { replyJson } from './reply.ts';
import type { Context, Step } from './step.ts';

/** The process is up. */
export const health: Step[] = [
  function health(context: Context): void {
    replyJson(context, 200, { status: 'up' });
  },
];

/** Metadata can be read, so requests can be authenticated. */
export const ready: Step[] = [
  async function ready(context: Context): Promise<void> {
    const { config, management } = context.services;
    const metadata = await management.ping();
    replyJson(context, metadata ? 200 : 503, {
      status: metadata ? 'ready' : 'not ready',
      region: config.region,
      metadata: metadata ? 'reachable' : 'unreachable',
    });
  },
];

export function routeList(routes: readonly string[]): Step[] {
  return [
    function listRoutes(context: Context): void {
      replyJson(context, 200, { service: 'tsg', routes });
    },
  ];
}
