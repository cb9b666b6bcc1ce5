import { DebuggerSession, type NodeProcess } from './debugger.ts';

/** What a slow volume takes for each of these that a read begins. */
const readUnitBytes = 16 * 1024;
const readUnitMs = 20;

/**
 * Makes every volume of a running database process a disk of its own that serves one read after the other, each for a fixed time a unit. All
 * volumes are folders of one disk here, whose own speed would hide whether they are read at the same time.
 */
export async function slowVolumes({ pid }: NodeProcess): Promise<void> {
  const session = await DebuggerSession.attach(pid);
  const expression = `(${slowReads})(${readUnitBytes}, ${readUnitMs})`;
  const reply = (await session.call('Runtime.evaluate', { expression, awaitPromise: true })) as {
    exceptionDetails?: unknown;
  };
  session.close();
  if (reply.exceptionDetails) throw new Error(JSON.stringify(reply.exceptionDetails));
}

/** Runs in the database process, so it has nothing but its arguments. */
async function slowReads(unitBytes: number, unitMs: number): Promise<void> {
  const { open } = process.getBuiltinModule('node:fs/promises');
  const { readlinkSync } = process.getBuiltinModule('node:fs');
  const { setTimeout: delay } = process.getBuiltinModule('node:timers/promises');
  const some = await open('/dev/null');
  const prototype = Object.getPrototypeOf(some) as { read: (...args: unknown[]) => Promise<{ bytesRead: number }> };
  await some.close();
  const read = prototype.read;
  const lastOfVolume = new Map<string | undefined, Promise<void>>();
  prototype.read = async function (this: { fd: number }, ...args) {
    const volume = /\/host\/v\d+\//.exec(readlinkSync(`/proc/self/fd/${this.fd}`))?.[0];
    const result = await read.apply(this, args);
    const turn = (lastOfVolume.get(volume) ?? Promise.resolve()).then(() =>
      delay(Math.ceil(result.bytesRead / unitBytes) * unitMs),
    );
    lastOfVolume.set(volume, turn);
    await turn;
    return result;
  };
}
