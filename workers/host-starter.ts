import type { HostGroups } from '../src/management/host-groups.ts';
import { Permanent } from './kinds/kind.ts';

/** Where hosts come from. */
export interface HostStarter {
  /** Resolves with its name once it is on its way: it registers itself. Rejects when there is none to be had. */
  startHost(region: string, signal: AbortSignal): Promise<string>;
}

/** On machines of one's own. */
export const hostsByHand: HostStarter = {
  async startHost(region) {
    throw new Permanent(`no host in ${region} has room: start another host agent, or delete or move databases`);
  },
};

/** On AWS: a slot of the region that is empty (infra/stacks/hosts.ts). */
export function hostsOfGroups(groups: Pick<HostGroups, 'startHost'>): HostStarter {
  return {
    async startHost(region, signal) {
      const name = await groups.startHost(signal);
      if (name === undefined)
        throw new Permanent(
          `no empty slot in ${region}: add slots in infra/stacks/regions.ts and deploy, or delete or move databases`,
        );
      return name;
    },
  };
}
