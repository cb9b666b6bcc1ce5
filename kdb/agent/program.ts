// What a database process runs: the embedded engine, or q where the configuration names one.

import { getCompileCacheDir } from 'node:module';
import { dirname, join } from 'node:path';
import type { QConfig } from '../../src/base/config.ts';

export interface DatabaseProgram {
  /** Program and arguments, for the configuration at that path. */
  readonly command: (configPath: string) => readonly string[];
  /** How many processes beside that one answer reads of a database. */
  readonly readers: number;
  /** Of one of them, on that port; 0: on any. */
  readonly readerCommand: (configPath: string, port: number) => readonly string[];
  /** Nothing else of the agent's environment is its business. */
  readonly environment: (logLevel: string) => Record<string, string>;
  /** It ends when its standard input ends, and reads its configuration again at SIGHUP. Otherwise it has no input, and watches the file. */
  readonly followsAgent: boolean;
}

/**
 * glibc keeps what is freed: it raises the size from which arrays are mapped on their own, and so are given back, to 32 MiB, and has an arena per
 * thread. A database with a million tag sets took 930 MB after a checkpoint, of which 360 were in use; so 770, at the same processor time. Node's three
 * spaces for new objects may have 8 MB each instead of 16: 50 MB less again, and no slower.
 */
const memoryEnvironment = {
  MALLOC_ARENA_MAX: '2',
  MALLOC_MMAP_THRESHOLD_: String(256 << 10),
  NODE_OPTIONS: '--max-semi-space-size=8',
};

const embeddedMain = join(import.meta.dirname, '..', 'embedded', 'main.ts');
const qMain = join(import.meta.dirname, '..', 'q', 'tsg.q');

/** `main` is the embedded engine's, or stands in for it. */
export function embeddedProgram(main: string = embeddedMain): DatabaseProgram {
  return {
    command: (configPath) => [process.execPath, main, '--config', configPath],
    readers: 0,
    readerCommand: () => [],
    environment(logLevel) {
      // With the cache of compiled code a start takes 0.15 s of processor time instead of 0.53 s.
      const cache = getCompileCacheDir();
      return {
        ...memoryEnvironment,
        TSG_LOG_LEVEL: logLevel,
        ...(cache === undefined ? {} : { NODE_COMPILE_CACHE: dirname(cache) }),
      };
    },
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
  const limits = ['-s', threads, '-w', memoryMb, '-T', timeoutS].map(String);
  const command = (configPath: string, role: readonly string[]): readonly string[] => [
    ...[...bound, program, qMain, '-config', configPath, '-role'],
    ...[...role, ...limits, '-q'],
  ];
  return {
    command: (configPath) => command(configPath, ['writer']),
    readers,
    readerCommand: (configPath, port) => command(configPath, ['reader', '-listen', String(port)]),
    environment: () => ({
      PATH: '/usr/local/bin:/usr/bin:/bin',
      // Strings and names are sorted by their bytes.
      LC_ALL: 'C',
      TZ: 'UTC',
      ...(home !== undefined && { QHOME: home }),
      ...(licence !== undefined && { QLIC: licence }),
    }),
    followsAgent: false,
  };
}
