import { flushCompileCache } from 'node:module';
import { ConfigError } from './config.ts';
import { flushLog, type Log } from './log.ts';

/** A stop that takes longer than this is cut short: a parent, systemd or the load balancer, which drains for 45 s, would not wait much longer. */
const stopDeadlineMs = 30_000;

interface StopOptions {
  /** Stop when standard input ends: it is a pipe from the parent, and the parent is gone. */
  readonly stopWithParent: boolean;
  readonly log: Log;
}

/** What is wrong with an address to listen at. */
const addressFaults = ['EADDRINUSE', 'EADDRNOTAVAIL', 'EACCES', 'ENOTFOUND'];

/** The whole of an entry point: what whoever starts the process can mend is told in one line, without a stack. */
export async function enter(main: () => Promise<void>): Promise<void> {
  try {
    await main();
  } catch (error) {
    const { syscall, code = '', message } = error as NodeJS.ErrnoException;
    const isAddress = (syscall === 'listen' || syscall === 'getaddrinfo') && addressFaults.includes(code);
    if (!(error instanceof ConfigError) && !isAddress) throw error;
    process.stderr.write(`${message}\n`);
    process.exit(1);
  }
}

/** Runs `stop` once, on SIGTERM, SIGINT or the parent's end, and leaves with code 0. A second signal leaves at once. */
export function onStop(stop: () => Promise<void>, { stopWithParent, log }: StopOptions): void {
  let stopping = false;

  const begin = (reason: string): void => {
    if (stopping) process.exit(0);
    stopping = true;
    log.info('stopping', { reason });
    const deadline = setTimeout(() => {
      log.error('the stop took too long', { stopDeadlineMs });
      process.exit(1);
    }, stopDeadlineMs);
    deadline.unref();
    const stopped = stop().then(
      () => 0,
      (error: unknown) => {
        log.error('the stop failed', { error });
        return 1;
      },
    );
    void stopped.then(async (code) => {
      await flushLog(log);
      process.exit(code);
    });
  };

  // By itself Node keeps compiled code at an orderly end only; what is killed before its first has to start fast too.
  flushCompileCache();
  process.on('SIGTERM', () => begin('SIGTERM'));
  process.on('SIGINT', () => begin('SIGINT'));
  if (!stopWithParent) return;
  // 'end' and 'error' of one pipe may both come; only signals of a person count as the second request.
  const parentGone = (): void => {
    if (!stopping) begin('the parent is gone');
  };
  process.stdin.on('end', parentGone).on('error', parentGone).resume();
}
