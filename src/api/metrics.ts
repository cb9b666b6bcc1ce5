import { BlockList, isIPv6 } from 'node:net';
import { apiError } from '../base/errors.ts';
import { idHeaders } from './request-ids.ts';
import type { Context, Step } from './step.ts';

/** Loopback, private and link-local addresses. */
const near = new BlockList();
near.addSubnet('127.0.0.0', 8);
near.addSubnet('10.0.0.0', 8);
near.addSubnet('172.16.0.0', 12);
near.addSubnet('192.168.0.0', 16);
near.addSubnet('169.254.0.0', 16);
near.addAddress('::1', 'ipv6');
near.addSubnet('fc00::', 7, 'ipv6');
near.addSubnet('fe80::', 10, 'ipv6');

export const metrics: Step[] = [
  /** For whoever watches the process from inside the network: not for the public, which comes through a load balancer. */
  function requireNear({ request }: Context): void {
    const address = request.socket.remoteAddress ?? '';
    const isNear = address !== '' && near.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
    if (!isNear || request.headers['x-forwarded-for'] !== undefined)
      throw apiError('RouteNotFound', { method: 'GET', path: '/metrics' });
  },
  async function metrics(context: Context): Promise<void> {
    const { services, response } = context;
    const body = Buffer.from(await services.metrics.text());
    response.writeHead(200, {
      ...idHeaders(context),
      'Content-Type': services.metrics.contentType,
      'Content-Length': body.length,
    });
    response.end(body);
  },
];
