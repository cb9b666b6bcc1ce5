import { replyJson } from './reply.ts';
import type { Context, Step } from './step.ts';

/** The process is up. */
export const health: Step[] = [
  function health(context: Context): void {
    replyJson(context, 200, { status: 'up' });
  },
];

const cacheReasons = {
  unreachable: "the zone's Redis does not answer; DynamoDB and the copies of this process are used",
  absent: 'this process was given no Redis',
};

/** Requests can be authenticated: by DynamoDB or, while that is away, by what the cache of the zone has. */
export const ready: Step[] = [
  async function ready(context: Context): Promise<void> {
    const { config, management } = context.services;
    const [metadata, feed] = await Promise.all([management.ping(), management.cache.feed()]);
    const isReady = metadata || feed !== undefined;
    const cacheState = feed ? 'reachable' : management.redis.has(config.zone) ? 'unreachable' : 'absent';
    replyJson(context, isReady ? 200 : 503, {
      status: isReady ? 'ready' : 'not ready',
      region: config.region,
      dependencies: {
        metadata: metadata
          ? { state: 'reachable' }
          : { state: 'unreachable', reason: 'DynamoDB does not answer; what the cache of the zone has is served' },
        cache: { state: cacheState, ...(cacheState !== 'reachable' && { reason: cacheReasons[cacheState] }) },
      },
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
