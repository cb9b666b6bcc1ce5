// How tasks are shown.

import { type ImportParams, shownImport } from '../../src/ingest/import.ts';
import type { Task } from '../../src/management/records.ts';
import { age } from './figures.ts';
import { progressText } from './progress-bar.ts';
import { type Cell, formatRecord, listReport, type Report } from './report.ts';

/** Errors and reasons may be long. */
const maxNote = 90;

export const taskColumns: Readonly<Record<string, (task: Task) => Cell>> = {
  id: ({ id }) => id,
  kind: ({ kind }) => kind,
  state: ({ state, cancelRequested }) => (cancelRequested && state === 'running' ? 'cancelling' : state),
  account: ({ accountId }) => accountId,
  database: ({ databaseName }) => databaseName,
  age: ({ createdAt }) => age(createdAt, Date.now()),
  tries: ({ attempts }) => attempts,
  progress: ({ progress }) => progress && progressText(progress),
  note: ({ waits, error }) => (waits ? `put off: ${waits.reason}` : error)?.slice(0, maxNote),
};

export function tasksReport(tasks: readonly Task[]): Report {
  return listReport(tasks.map(withoutSignature), taskColumns);
}

export function taskReport(whole: Task): Report {
  const task = withoutSignature(whole);
  const { id, kind, state, accountId, region, databaseName, databaseId, requestedBy } = task;
  const { progress, waits, error, params, result, history, attempts } = task;
  const shown = {
    ...{ task: id, kind, state, region, account: accountId, database: databaseName, databaseId },
    'asked for by': requestedBy.userId ?? requestedBy.accountId ?? 'the service',
    created: `${task.createdAt} (${age(task.createdAt, Date.now())} ago)`,
    changed: `${task.updatedAt} (${age(task.updatedAt, Date.now())} ago)`,
    'worked on by': task.leaseOwner,
    attempts,
    progress: progress && progressText(progress),
    'put off': waits && `${waits.reason}, until ${waits.until}`,
    error,
    params,
    result,
    history: history.map(({ attempt, owner, startedAt, endedAt, outcome, error: fault }) => ({
      ...{ attempt, outcome: outcome ?? 'running', owner, startedAt, endedAt, error: fault },
    })),
  };
  return { json: { record: task }, text: formatRecord(shown), exitCode: 0 };
}

function withoutSignature(task: Task): Task {
  return task.kind === 'import' ? { ...task, params: shownImport(task.params as ImportParams) } : task;
}
