// What an operator asks of a region: `npm run ops -- --help`. README.md beside this file has the commands and the operator's day.
// The region is the one of the environment (src/base/config.ts), or one that runs on this machine: --region, TSG_DATA_DIR.

import { CommanderError } from 'commander';
import { ConfigError } from '../../src/base/config.ts';
import { ApiError } from '../../src/base/errors.ts';
import { Unfollowed } from './follow.ts';
import { createProgram } from './program.ts';

/** As shells have it for a program that Ctrl-C has ended. */
const interrupted = 130;
const usage = 2;

const interrupt = new AbortController();
process.once('SIGINT', () => interrupt.abort());
// Ending early, as `| head` does, is no fault.
process.stdout.on('error', () => process.exit(0));

const outcome = { exitCode: 0, print: (text: string) => process.stdout.write(text) };
try {
  await createProgram(process.env, interrupt.signal, outcome).parseAsync();
} catch (error) {
  outcome.exitCode = exitCodeOf(error);
  const isSaid = error instanceof CommanderError;
  if (!isSaid) process.stderr.write(`${sayable(error)}\n`);
}
process.exitCode = outcome.exitCode;

function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : usage;
  if (interrupt.signal.aborted || error instanceof Unfollowed) return interrupted;
  if (error instanceof ConfigError || (error instanceof ApiError && error.status === 400)) return usage;
  return 1;
}

function sayable(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const refused = codeOf(error);
  if (refused !== undefined) return `the region does not answer (${refused}); is it running?`;
  return error instanceof TypeError ? (error.stack ?? error.message) : error.message;
}

/** Of the connection that could not be made. */
function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code, cause } = error as NodeJS.ErrnoException;
  if (code === 'ECONNREFUSED' || code === 'ENOTFOUND' || code === 'ETIMEDOUT') return code;
  return codeOf(cause);
}
