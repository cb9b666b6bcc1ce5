// Where the time went: reads the CPU profiles of a folder (npm run bench -- --cpu-prof <folder>) and prints for each the functions with the most
// time of their own. Usage: node test/bench/profile.ts <folder> [lines]
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

interface Profile {
  readonly nodes: readonly { readonly id: number; readonly callFrame: CallFrame }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}
interface CallFrame {
  readonly functionName: string;
  readonly url: string;
  readonly lineNumber: number;
}

const root = join(import.meta.dirname, '..', '..');
const [folder, lines = '25'] = process.argv.slice(2);
if (folder === undefined) throw new Error('usage: node test/bench/profile.ts <folder> [lines]');
for (const file of readdirSync(folder)) if (file.endsWith('.cpuprofile')) print(file);

function print(file: string): void {
  const profile = JSON.parse(readFileSync(join(folder!, file), 'utf8')) as Profile;
  const names = new Map(profile.nodes.map(({ id, callFrame }) => [id, describe(callFrame)]));
  const selfMs = new Map<string, number>();
  for (const [i, id] of profile.samples.entries()) {
    const name = names.get(id)!;
    selfMs.set(name, (selfMs.get(name) ?? 0) + profile.timeDeltas[i]! / 1000);
  }
  const idleMs = selfMs.get('(idle)') ?? 0;
  selfMs.delete('(idle)');
  const busyMs = [...selfMs.values()].reduce((sum, ms) => sum + ms, 0);
  console.log(`\n${file}: busy ${Math.round(busyMs)} ms, idle ${Math.round(idleMs)} ms`);
  const top = [...selfMs].sort(([, a], [, b]) => b - a).slice(0, Number(lines));
  for (const [name, ms] of top)
    console.log(
      `${((100 * ms) / busyMs).toFixed(1).padStart(6)} %  ${Math.round(ms).toString().padStart(7)} ms  ${name}`,
    );
}

function describe({ functionName, url, lineNumber }: CallFrame): string {
  const place = url.startsWith('file:') ? relative(root, fileURLToPath(url)) : url;
  return `${functionName || '(anonymous)'}${place && ` ${place}:${lineNumber + 1}`}`;
}
