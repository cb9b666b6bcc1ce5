import { apiError } from '../../src/base/errors.ts';
import type { Commands } from './command.ts';
import { type DeadLetter, deadLetters, redrive, takeLetters } from './dead-letters.ts';
import { age } from './figures.ts';
import { listReport, type Report, recordReport } from './report.ts';
import type { Session } from './session.ts';

const maxShown = 80;

interface Redriven {
  readonly id: string;
  readonly outcome: string;
  readonly failed: boolean;
}

export function deadLetterCommands(commands: Commands): void {
  const dlq = commands.group(
    'dlq',
    'dead letters, of tasks, of the change feed and of queued writes: list, show, redrive, remove',
  );

  commands.add(dlq, {
    name: 'list',
    does: 'the messages that nobody could do anything with, each with its reason',
    example: 'dlq list',
    work: async (session) =>
      listReport(await deadLetters(session.sqs()), {
        id: ({ id }) => id,
        queue: ({ queue }) => queue,
        age: ({ sentAt }) => age(sentAt, Date.now()),
        reason: ({ reason }) => reason?.slice(0, maxShown),
        message: ({ body }) => body.slice(0, maxShown).replaceAll(/[^ -~]/g, '?'),
      }),
  });

  commands.add(dlq, {
    name: 'show <message>',
    does: 'a message whole, by its id',
    example: 'dlq show 2f1e…',
    work: async (session, [id]) => {
      const letter = (await deadLetters(session.sqs())).find((each) => each.id === id);
      if (!letter) throw noLetter(id!);
      return recordReport(letter);
    },
  });

  commands.add<{ all?: boolean }>(dlq, {
    name: 'redrive [message]',
    does: 'a failed task is queued again, an event or a wish is sent again; the message goes once that is done',
    example: 'dlq redrive 2f1e…',
    options: (command) => command.option('--all', 'every message'),
    work: (session, [id], { all = false }) => take(session, id, all, (letter) => redrive(session, letter)),
  });

  commands.add<{ all?: boolean }>(dlq, {
    name: 'remove [message]',
    does: 'throws a message away; a failed task stays failed',
    example: 'dlq remove 2f1e…',
    options: (command) => command.option('--all', 'every message'),
    work: (session, [id], { all = false }) => take(session, id, all, async () => 'removed'),
  });
}

async function take(
  session: Session,
  id: string | undefined,
  all: boolean,
  act: (letter: DeadLetter) => Promise<string>,
): Promise<Report> {
  if ((id === undefined) !== all) throw apiError('InvalidRequest', { reason: 'name one message, or say --all' });
  const taken: Redriven[] = [];
  await takeLetters(session.sqs(), async (letter) => {
    if (!all && letter.id !== id) return false;
    try {
      taken.push({ id: letter.id, outcome: await act(letter), failed: false });
      return true;
    } catch (error) {
      taken.push({ id: letter.id, outcome: `it stays: ${(error as Error).message}`, failed: true });
      return false;
    }
  });
  if (id !== undefined && taken.length === 0) throw noLetter(id);
  const columns = { id: (each: Redriven) => each.id, outcome: (each: Redriven) => each.outcome };
  return listReport(taken, columns, taken.some(({ failed }) => failed) ? 1 : 0);
}

function noLetter(id: string): Error {
  return new Error(`there is no dead letter ${id}`);
}
