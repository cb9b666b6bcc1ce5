import type { Management } from '../../src/management/index.ts';
import type { Database, Task } from '../../src/management/records.ts';

/** The database that the task is about; undefined when it is gone, also when its name is another database's by now. */
export async function taskDatabase(task: Task, { databases }: Management): Promise<Database | undefined> {
  if (task.databaseName === null) return undefined;
  const database = await databases.getDatabase(task.accountId, task.databaseName, { fresh: true });
  return database?.id === task.databaseId ? database : undefined;
}
