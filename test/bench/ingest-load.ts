import { closedLoop, type LoadResult } from './load.ts';
import type { Target } from './targets/target.ts';
import { bodies, type DataSet } from './tsbs.ts';

export const ingestConnections = 4;

/** All of it as fast as it goes; the bodies are made on the way. */
export function load(target: Target, data: DataSet): Promise<LoadResult> {
  return send(target, bodies(data));
}

/** As load, with bodies that stand ready. */
export function send(target: Target, ready: Iterable<{ readonly body: Buffer }>): Promise<LoadResult> {
  const rest = ready[Symbol.iterator]();
  return closedLoop(target.address, ingestConnections, () => {
    const { done, value } = rest.next();
    return done ? null : target.write(value.body);
  });
}
