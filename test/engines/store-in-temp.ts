import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import winston from 'winston';
import { realFiles } from '../../kdb/embedded/storage/files.ts';
import { Store, type StoreOptions } from '../../kdb/embedded/store.ts';

/** A fresh directory per volume, gone after the test. */
export function volumesFor(t: Pick<TestContext, 'after'>, count: number): string[] {
  const root = mkdtempSync(join(tmpdir(), 'tsg-'));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  return Array.from({ length: count }, (_, i) => {
    const volume = join(root, `v${i}`);
    mkdirSync(volume);
    return volume;
  });
}

export function openStore(volumes: readonly string[], options: Partial<StoreOptions> = {}): Promise<Store> {
  const log = winston.createLogger({ silent: true });
  return Store.open({ volumes, schema: 'flexible', files: realFiles, log, ...options });
}
