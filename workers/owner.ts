// Who holds a lease: a name that no two lives of a worker share, and that tells a worker on the same machine whether its holder still lives.

import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';

export function ownerName(): string {
  return `${hostname()}/${process.pid}/${randomUUID()}`;
}

/**
 * True only for an owner on this machine whose process is gone: its leases need not run out. Containers that share a host name may be
 * wrong about each other; then a task is taken over too early, which is what every step of it is prepared for.
 */
export function isGone(owner: string): boolean {
  const [host, pid] = owner.split('/');
  if (host !== hostname() || pid === undefined) return false;
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}
