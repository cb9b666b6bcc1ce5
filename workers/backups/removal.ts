import type { ObjectStore } from '../../src/base/object-store.ts';

export async function removeObjects(objects: ObjectStore, prefix: string): Promise<void> {
  for await (const { key } of objects.list(prefix)) await objects.remove(key);
}
