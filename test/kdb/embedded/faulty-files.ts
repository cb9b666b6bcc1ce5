// File layers that do what disks do on bad days.
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type FileLayer, realFiles } from '../../../kdb/embedded/storage/files.ts';

type Operation = 'write' | 'datasync' | 'rename' | 'open' | 'syncDirectory';

export function fault(code: string): Error {
  return Object.assign(new Error(`${code}: injected`), { code });
}

/** Fails the operations for which `fails` gives an error. */
export function faultyFiles(fails: (operation: Operation, path: string) => Error | null): FileLayer {
  const check = (operation: Operation, path: string) => {
    const error = fails(operation, path);
    if (error) throw error;
  };
  return {
    ...realFiles,
    async open(path) {
      check('open', path);
      const file = await realFiles.open(path);
      return {
        ...file,
        async write(buffers, position) {
          check('write', path);
          await file.write(buffers, position);
        },
        async datasync() {
          check('datasync', path);
          await file.datasync();
        },
      };
    },
    async rename(from, to) {
      check('rename', to);
      await realFiles.rename(from, to);
    },
    async syncDirectory(path) {
      check('syncDirectory', path);
      await realFiles.syncDirectory(path);
    },
  };
}

/** Holds up who opens such a file for the first time, until told to go on. */
export function pausingFiles(isPlace: (path: string) => boolean): {
  files: FileLayer;
  reached: Promise<void>;
  goOn(): void;
} {
  const reached = Promise.withResolvers<void>();
  const free = Promise.withResolvers<void>();
  const files: FileLayer = {
    ...realFiles,
    async open(path) {
      if (isPlace(path)) {
        reached.resolve();
        await free.promise;
      }
      return realFiles.open(path);
    },
  };
  return { files, reached: reached.promise, goOn: free.resolve };
}

/** Remembers what was synced; `crash` puts every file back to that, as a power cut may. */
export function forgetfulFiles(directories: readonly string[]): { files: FileLayer; crash(): void } {
  // By path: what a crash leaves of it. Null: nothing.
  const synced = new Map<string, Buffer | null>();
  // Contents that are synced under names that are not yet.
  const contents = new Map<string, Buffer>();
  const known = (path: string) => {
    if (!synced.has(path)) synced.set(path, existsSync(path) ? readFileSync(path) : null);
  };
  const files: FileLayer = {
    ...realFiles,
    async open(path) {
      known(path);
      const file = await realFiles.open(path);
      return {
        ...file,
        async datasync() {
          await file.datasync();
          contents.set(path, readFileSync(path));
          if (synced.get(path)) synced.set(path, contents.get(path)!);
        },
      };
    },
    async rename(from, to) {
      known(to);
      await realFiles.rename(from, to);
      contents.set(to, contents.get(from) ?? Buffer.alloc(0));
      contents.delete(from);
    },
    async syncDirectory(path) {
      await realFiles.syncDirectory(path);
      for (const [name, content] of contents)
        if (name.slice(0, name.lastIndexOf('/')) === path && existsSync(name)) synced.set(name, content);
    },
    async remove(path) {
      await realFiles.remove(path);
      synced.set(path, null);
      contents.delete(path);
    },
  };
  return {
    files,
    crash() {
      for (const directory of directories) {
        for (const name of readdirSync(directory)) {
          const path = `${directory}/${name}`;
          if (!synced.has(path)) continue;
          const left = synced.get(path);
          if (left) writeFileSync(path, left);
          else rmSync(path, { recursive: true });
        }
      }
    },
  };
}
