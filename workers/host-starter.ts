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
