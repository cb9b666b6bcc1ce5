// .z.p and its kin, from the clock of the machine at nanoseconds.

import { atom, type Q } from '../values.ts';

const from1970To2000Ns = 946_684_800_000_000_000n;
const dayNs = 86_400_000_000_000n;
const startedNs = BigInt(Date.now()) * 1_000_000n - process.hrtime.bigint();

/** Since 2000, UTC. It does not run backwards while the process lives. */
const nowNs = (): bigint => startedNs + process.hrtime.bigint() - from1970To2000Ns;

export const timestamp = (): Q => atom(12, nowNs());
export const timespan = (): Q => atom(16, nowNs() % dayNs);
export const date = (): Q => atom(14, Number(nowNs() / dayNs));
export const time = (): Q => atom(19, Number((nowNs() % dayNs) / 1_000_000n));
export const datetime = (): Q => atom(15, Number(nowNs() / 1_000_000n) / 86_400_000);
