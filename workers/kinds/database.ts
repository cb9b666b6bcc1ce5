import type { Management } from '../../src/management/index.ts';
import type { Database, Task } from '../../src/management/records.ts';
import type { TaskRun } from './kind.ts';

/** The database that the task is about; undefined when it is gone, also when its name is another database's by now. */
export async function taskDatabase(task: Task, { databases }: Management): Promise<Database | undefined> {
  if (task.databaseName === null) return undefined;
  const database = await databases.getDatabase(task.accountId, task.databaseName, { fresh: true });
  return database?.id === task.databaseId ? database : undefined;
}

/** It can be deleted from there. */
export async function failDatabase({ task, services }: Pick<TaskRun, 'task' | 'services'>): Promise<void> {
  const database = await taskDatabase(task, services.management);
  if (database?.status === 'provisioning' || database?.status === 'deleting') {
    await services.management.databases.change(database, { status: 'failed' });
  }
}
