import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';

/** Resolves with how it ended, when all of its output has been read. */
export async function endOf(child: ChildProcess): Promise<string> {
  try {
    // 'close' comes after the last of its output, 'exit' may come before.
    const [code, signal] = await once(child, 'close');
    return signal ? `it was ended by ${signal}` : `it ended with code ${code}`;
  } catch (error) {
    return `it cannot be started: ${(error as Error).message}`;
  }
}
