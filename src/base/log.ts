import { stderr } from 'node:process';
import winston from 'winston';

export type Log = winston.Logger;

/** JSON lines on stderr, so that stdout stays for people. `process` names who writes (api, worker, agent, database). */
export function createLog(process: string, level: string): Log {
  // Unheard, a line that the log's disk has no room for would end the process.
  if (!stderr.listeners('error').includes(dropLine)) stderr.on('error', dropLine);
  return winston.createLogger({
    level,
    defaultMeta: { process },
    format: winston.format.combine(winston.format.timestamp(), winston.format.json({ replacer: shownError })),
    transports: [new winston.transports.Console({ stderrLevels: ['error', 'warn', 'info', 'debug'] })],
  });
}

function dropLine(): void {}

/** JSON has no form for errors: what happened, where, and why. */
function shownError(_key: string, value: unknown): unknown {
  if (!(value instanceof Error)) return value;
  return { ...value, name: value.name, stack: value.stack, ...(value.cause !== undefined && { cause: value.cause }) };
}
