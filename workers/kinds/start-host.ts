import { type Kind, noParams } from './kind.ts';

/** Made when a database waits for room; an operator may ask for one too. That it fails is for operators to see, as a dead letter. */
export const startHost: Kind<object, never, { readonly host: string }> = {
  lanes: 1,
  timeLimitMs: 600_000,
  maxAttempts: 5,
  params: noParams,
  async run({ task, services, signal }) {
    return { host: await services.hostStarter.startHost(task.region, signal) };
  },
  /** Whoever waits for room asks for another one. */
  async giveUp() {},
};
