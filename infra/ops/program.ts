import { Command } from 'commander';
import { accountCommands } from './accounts.ts';
import { backupCommands } from './backups.ts';
import { cacheCommands } from './cache.ts';
import { Commands, type Outcome } from './command.ts';
import { databaseCommands } from './databases.ts';
import { deadLetterCommands } from './dlq.ts';
import { feedCommand } from './feed.ts';
import { fileCommands } from './files.ts';
import { hostCommands } from './hosts.ts';
import { replayCommand } from './replay.ts';
import { restoreCommands } from './restores.ts';
import { scheduleCommands } from './schedules.ts';
import { taskCommands } from './tasks.ts';
import { tokenCommands } from './tokens.ts';

export function createProgram(
  env: Readonly<Record<string, string | undefined>>,
  signal: AbortSignal,
  outcome: Outcome,
): Command {
  const program = new Command('npm run ops --')
    .description('What an operator asks of a region.')
    .option('--region <name>', 'when several run on this machine')
    .option('--json', 'for programs: everything, as JSON')
    .option('--by <person>', 'who acts, for the audit; who is logged in, when not given')
    .configureHelp({ showGlobalOptions: true })
    .showHelpAfterError('(--help says more)')
    .addHelpText(
      'after',
      '\nExit codes: 0 done, 1 failed or something differs, 2 wrong usage, 130 Ctrl-C.\n\nExample:\n  npm run ops -- tasks list',
    )
    // Errors are thrown; those who add commands copy this.
    .exitOverride();
  const commands = new Commands(program, env, signal, outcome);
  accountCommands(commands);
  tokenCommands(commands);
  databaseCommands(commands);
  hostCommands(commands);
  taskCommands(commands);
  deadLetterCommands(commands);
  backupCommands(commands);
  restoreCommands(commands);
  fileCommands(commands);
  scheduleCommands(commands);
  cacheCommands(commands);
  feedCommand(commands);
  replayCommand(commands);
  return program;
}
