import type { RegionConfig } from '../config.ts';
import type { Log } from '../log.ts';
import type { ObjectStore } from '../object-store.ts';
import { DirectoryStore } from './directory.ts';
import { signedLinks } from './links.ts';
import { withRetries } from './retries.ts';
import { S3Store } from './s3.ts';

/** The region's. Requests that fail are made again. */
export function openObjectStore(
  { region, regionEndpoints, objectStore }: Pick<RegionConfig, 'region' | 'regionEndpoints' | 'objectStore'>,
  log: Log,
): ObjectStore {
  if (objectStore.kind === 's3') return withRetries(new S3Store({ region, ...objectStore }));
  const { path, linkSecret: secret } = objectStore;
  const endpoint = regionEndpoints[region] ?? '';
  const store = new DirectoryStore({ path, link: signedLinks({ endpoint, secret, nowMs: Date.now }) });
  store.removeLeftovers(Date.now()).catch((error: unknown) => log.warn('leftovers of uploads stay', { error }));
  return withRetries(store);
}
