import winston from 'winston';

export type Log = winston.Logger;

/** JSON lines on stderr, so that stdout stays for people. `process` names who writes (api, worker, agent, database). */
export function createLog(process: string, level: string): Log {
  return winston.createLogger({
    level,
    defaultMeta: { process },
    format: winston.format.combine(
      winston.format.timestamp(),
      winston.format.errors({ stack: true, cause: true }),
      winston.format.json(),
    ),
    transports: [new winston.transports.Console({ stderrLevels: ['error', 'warn', 'info', 'debug'] })],
  });
}
