import { type Dynamo, transact } from '../../src/management/dynamo.ts';
import type { Task } from '../../src/management/records.ts';
import { type NewTask, newTask, taskPut } from '../../src/management/task-item.ts';

/** DynamoDB's limit. */
const perTransaction = 100;

/** Many at once: made one by one, each would be counted with all before it. */
export async function putTasks(dynamo: Dynamo, wanted: readonly NewTask[]): Promise<Task[]> {
  const tasks = wanted.map((each) => newTask(each, Date.now()));
  for (let from = 0; from < tasks.length; from += perTransaction) {
    const some = tasks.slice(from, from + perTransaction);
    await transact(
      dynamo,
      some.map((task) => taskPut(task)),
    );
  }
  return tasks;
}
