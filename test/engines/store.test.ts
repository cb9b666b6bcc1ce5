import { engineBehaves } from './behaviour.ts';
import { openStore, volumesFor } from './store-in-temp.ts';

engineBehaves('store', async (t, schema) => {
  const store = await openStore(volumesFor(t, 2), { schema });
  t.after(() => store.close());
  return store;
});
