import { DatabaseSync } from 'node:sqlite';

/** One process per directory. The lock is SQLite's on an open file: the operating system takes it back however the process ends. */
export function lockDirectory(directory: string): { release(): void } {
  const database = new DatabaseSync(`${directory}/lock`);
  try {
    database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (cause) {
    database.close();
    throw new Error(`${directory} is in use by another database process; stop that one first`, { cause });
  }
  return { release: () => database.close() };
}
