// What a database process runs: the embedded engine, or q where the configuration names one.

import { getCompileCacheDir } from 'node:module';
import { dirname, join } from 'node:path';
import type { QConfig } from '../../src/base/config.ts';

export interface DatabaseProgram {
  /** Program and arguments, for the configuration at that path. `memoryMb`: its limit; null: none. */
  readonly command: (configPath: string, memoryMb: number | null) => readonly string[];
  /** How many processes beside that one answer reads of a database. */
  readonly readers: number;
  /** Of one of them, on that port; 0: on any. */
  readonly readerCommand: (configPath: string, port: number, memoryMb: number | null) => readonly string[];
  /** Nothing else of the agent's environment is its business. */
  readonly environment: (logLevel: string, memoryMb: number | null) => Record<string, string>;
  /** What it is confined to: a program that keeps the limit by itself says more about it. */
  readonly confinedToMb: (memoryMb: number | null) => number | null;
  /** What it writes when it keeps the limit and ends. */
  readonly outOfMemory: RegExp;
  /** It ends when its standard input ends, and reads its configuration again at SIGHUP. Otherwise it has no input, and watches the file. */
  readonly followsAgent: boolean;
}

/**
 * glibc keeps what is freed: it raises the size from which arrays are mapped on their own, and so are given back, to 32 MiB, and has an arena per
 * thread. A database with a million tag sets took 930 MB after a checkpoint, of which 360 were in use; so 770, at the same processor time. Node's three
 * spaces for new objects may have 8 MB each instead of 16: 50 MB less again, and no slower.
 */
const memoryEnvironment = { MALLOC_ARENA_MAX: '2', MALLOC_MMAP_THRESHOLD_: String(256 << 10) };
const newSpace = '--max-semi-space-size=8';
/** Of the limit, for objects; columns are outside of Node's heap. Up to what Node takes by itself: what it may have it fills before it collects. */
const heapShare = 3 / 4;
const maxHeapMb = 4_096;

function nodeOptions(memoryMb: number | null): string {
  if (memoryMb === null) return newSpace;
  return `${newSpace} --max-old-space-size=${Math.min(maxHeapMb, Math.floor(memoryMb * heapShare))}`;
}

const embeddedMain = join(import.meta.dirname, '..', 'embedded', 'main.ts');
const qMain = join(import.meta.dirname, '..', 'q', 'tsg.q');

/** `main` is the embedded engine's, or stands in for it. */
export function embeddedProgram(main: string = embeddedMain): DatabaseProgram {
  return {
    command: (configPath) => [process.execPath, main, '--config', configPath],
    readers: 0,
    readerCommand: () => [],
    environment(logLevel, memoryMb) {
      // With the cache of compiled code a start takes 0.15 s of processor time instead of 0.53 s.
      const cache = getCompileCacheDir();
      return {
        ...memoryEnvironment,
        NODE_OPTIONS: nodeOptions(memoryMb),
        TSG_LOG_LEVEL: logLevel,
        ...(cache === undefined ? {} : { NODE_COMPILE_CACHE: dirname(cache) }),
      };
    },
    confinedToMb: (memoryMb) => memoryMb,
    outOfMemory: /JavaScript heap out of memory/,
    followsAgent: true,
  };
}

/** A writer, which answers every call, and readers. */
export function qProgram({
  program,
  readers,
  threads,
  memoryMb,
  timeoutS,
  numaNode,
  home,
  licence,
}: QConfig): DatabaseProgram {
  // q is not aware of NUMA: memory of another node costs it twice the time [kb/linux-production].
  const bound = numaNode === undefined ? [] : ['numactl', `--cpunodebind=${numaNode}`, `--preferred=${numaNode}`];
  const workspaceMb = (limitMb: number | null): number => Math.min(memoryMb, limitMb ?? memoryMb);
  const command = (configPath: string, role: readonly string[], limitMb: number | null): readonly string[] => [
    ...[...bound, program, qMain, '-config', configPath, '-role', ...role],
    ...['-s', threads, '-w', workspaceMb(limitMb), '-T', timeoutS].map(String),
    '-q',
  ];
  return {
    command: (configPath, limitMb) => command(configPath, ['writer'], limitMb),
    readers,
    readerCommand: (configPath, port, limitMb) => command(configPath, ['reader', '-listen', String(port)], limitMb),
    environment: () => ({
      PATH: '/usr/local/bin:/usr/bin:/bin',
      // Strings and names are sorted by their bytes.
      LC_ALL: 'C',
      TZ: 'UTC',
      ...(home !== undefined && { QHOME: home }),
      ...(licence !== undefined && { QLIC: licence }),
    }),
    // -w is for the heap: stacks, buffers and symbols come on top.
    confinedToMb: (limitMb) => Math.ceil(workspaceMb(limitMb) * (9 / 8)),
    outOfMemory: /\bwsfull\b/,
    followsAgent: false,
  };
}
