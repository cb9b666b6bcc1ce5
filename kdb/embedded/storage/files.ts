// The file operations that durability rests on, as one object: tests put one in its place that runs out of room, fails to sync or forgets.
import { constants, writevSync } from 'node:fs';
import * as fs from 'node:fs/promises';

export interface OpenFile {
  /** Writes all of the buffers at the position. */
  write(buffers: readonly Uint8Array[], position: number): Promise<void>;
  datasync(): Promise<void>;
  truncate(length: number): Promise<void>;
  close(): Promise<void>;
}

export interface FileLayer {
  /** For writing; created when it is not there. */
  open(path: string): Promise<OpenFile>;
  read(path: string): Promise<Buffer>;
  /** Ranges [offset, bytes] of a file, in their order; short where the file ends. */
  readAt(path: string, ranges: readonly (readonly [number, number])[]): Promise<Buffer[]>;
  size(path: string): Promise<number>;
  list(directory: string): Promise<string[]>;
  rename(from: string, to: string): Promise<void>;
  link(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
  makeDirectory(path: string): Promise<void>;
  isDirectory(path: string): Promise<boolean>;
  /** Makes creations, renames and removals in the directory last. */
  syncDirectory(path: string): Promise<void>;
  /** Makes the contents of a file last that something else wrote. */
  syncFile(path: string): Promise<void>;
}

/**
 * A write of up to so much is done at once: into the page cache, it takes 5 µs, and by a thread of the pool 17 and two changes of thread, which
 * is a third of a small request's way to the disk. Syncs stay with the threads: a network disk takes milliseconds, and queries must not wait.
 */
const smallBytes = 16_384;

export const realFiles: FileLayer = {
  async open(path) {
    const handle = await fs.open(path, constants.O_RDWR | constants.O_CREAT, 0o600);
    return {
      async write(buffers, position) {
        let at = position;
        let rest = buffers.filter((buffer) => buffer.length > 0);
        const isSmall = rest.reduce((sum, { length }) => sum + length, 0) <= smallBytes;
        while (rest.length > 0) {
          // IOV_MAX is 1024 on Linux.
          const some = rest.slice(0, 1024);
          let bytesWritten = isSmall ? writevSync(handle.fd, some, at) : (await handle.writev(some, at)).bytesWritten;
          at += bytesWritten;
          while (rest.length > 0 && bytesWritten >= rest[0]!.length) {
            bytesWritten -= rest[0]!.length;
            rest = rest.slice(1);
          }
          if (bytesWritten > 0) rest = [rest[0]!.subarray(bytesWritten), ...rest.slice(1)];
        }
      },
      datasync: () => handle.datasync(),
      truncate: (length) => handle.truncate(length),
      close: () => handle.close(),
    };
  },
  read: (path) => fs.readFile(path),
  async readAt(path, ranges) {
    const handle = await fs.open(path, constants.O_RDONLY);
    try {
      const read: Buffer[] = [];
      for (const [offset, bytes] of ranges) {
        const buffer = Buffer.allocUnsafeSlow(bytes);
        const { bytesRead } = await handle.read(buffer, 0, bytes, offset);
        read.push(buffer.subarray(0, bytesRead));
      }
      return read;
    } finally {
      await handle.close();
    }
  },
  size: async (path) => (await fs.stat(path)).size,
  list: (directory) => fs.readdir(directory),
  rename: (from, to) => fs.rename(from, to),
  link: (from, to) => fs.link(from, to),
  remove: (path) => fs.rm(path, { recursive: true, force: true }),
  async makeDirectory(path) {
    await fs.mkdir(path, { recursive: true, mode: 0o700 });
  },
  isDirectory: async (path) => (await fs.stat(path).catch(() => null))?.isDirectory() ?? false,
  syncDirectory: (path) => syncPath(path, constants.O_RDONLY | constants.O_DIRECTORY),
  syncFile: (path) => syncPath(path, constants.O_RDONLY),
};

async function syncPath(path: string, flags: number): Promise<void> {
  const handle = await fs.open(path, flags);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** The volume has no room. */
export function isFull(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return code === 'ENOSPC' || code === 'EDQUOT';
}

/** The new file has its name, but a crash may bring the old one back: what either of them needs has to stay. */
export class MaybeReplaced extends Error {}

/** Writes a whole file so that it is there after a crash, or not at all. */
export async function writeDurably(
  files: FileLayer,
  directory: string,
  name: string,
  contents: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): Promise<void> {
  const path = `${directory}/${name}`;
  const temporary = `${path}.new`;
  const file = await files.open(temporary);
  try {
    await file.truncate(0);
    let at = 0;
    for await (const bytes of contents) {
      await file.write([bytes], at);
      at += bytes.length;
    }
    await file.datasync();
  } finally {
    await file.close();
  }
  await files.rename(temporary, path);
  await files.syncDirectory(directory).catch((cause: unknown) => {
    throw new MaybeReplaced(`${path}: ${(cause as Error).message}`, { cause });
  });
}
