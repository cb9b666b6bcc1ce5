import { DatabaseSync } from 'node:sqlite';

/** SQLITE_BUSY */
const busy = 5;

/** One process per directory, on every volume. The locks are SQLite's on open files: the operating system takes them back however the process ends. */
export function lockDirectories(directories: readonly string[]): { release(): void } {
  const locks: DatabaseSync[] = [];
  const release = () => {
    for (const lock of locks) lock.close();
  };
  try {
    for (const directory of directories) locks.push(lockDirectory(directory));
  } catch (error) {
    release();
    throw error;
  }
  return { release };
}

function lockDirectory(directory: string): DatabaseSync {
  let lock: DatabaseSync | null = null;
  try {
    lock = new DatabaseSync(`${directory}/lock`);
    lock.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
    return lock;
  } catch (cause) {
    lock?.close();
    throw new Error(
      (cause as { errcode?: number }).errcode === busy
        ? `${directory} is in use by another database process; stop that one first`
        : `${directory}/lock cannot be locked (${(cause as Error).message}): is the volume mounted, and may this process write there?`,
      { cause },
    );
  }
}
