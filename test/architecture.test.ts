import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, posix, relative } from 'node:path';
import { test } from 'node:test';

const root = dirname(import.meta.dirname);
const folders = ['src', 'workers', 'kdb', 'infra', 'test'];

/** Imports may point to a lower number. Equal numbers are siblings: they do not know each other. */
const levels: Record<string, number> = {
  test: 9,
  infra: 8,
  workers: 8,
  kdb: 8,
  'src/main.ts': 7,
  'src/server.ts': 6,
  'src/api': 5,
  'src/auth': 4,
  'src/ingest': 4,
  'src/query': 4,
  'src/tasks': 4,
  'src/management': 3,
  'src/kdb': 3,
  'src/base': 2,
};

/** Inside the embedded engine, in the same way. */
const engine = 'kdb/embedded/';
const engineLevels: Record<string, number> = {
  'main.ts': 9,
  'warm-up.ts': 8,
  'store.ts': 7,
  upkeep: 6,
  'writer.ts': 5,
  query: 4,
  storage: 3,
  memory: 2,
  'pace.ts': 1,
  wire: 1,
};

/** Shapes only (`import type`): [who, whose]. A database record names its schema mode. */
const allowedTypes: readonly (readonly [string, string])[] = [['src/management', 'src/kdb/engine.ts']];

interface Import {
  readonly specifier: string | null;
  readonly typeOnly: boolean;
}

/** Every import of a formatted file: static and re-exports (they start a line), dynamic, require. A computed path gives null. */
function importsOf(text: string): Import[] {
  const found: Import[] = [];
  for (const [, type, specifier] of text.matchAll(
    /^(?:import|export)\s+(type\s+)?(?:[\w*\s{},$]+?\sfrom\s+)?['"]([^'"\n]+)['"]/gm,
  ))
    found.push({ specifier: specifier!, typeOnly: type !== undefined });
  for (const [, literal] of text.matchAll(/(?<![\w.'"`])(?:import|require)\(\s*(?:['"]([^'"\n]+)['"]\s*[,)])?/g))
    found.push({ specifier: literal ?? null, typeOnly: false });
  return found;
}

function unitOf(path: string): string {
  const [top, second] = path.split('/');
  return top === 'src' ? `src/${second}` : top!;
}

function faultOf(from: string, { specifier, typeOnly }: Import): string | null {
  const unit = unitOf(from);
  if (levels[unit] === undefined) return `${from}: ${unit} has no place in the architecture`;
  if (unit === 'test') return null;
  // The launcher runs whatever script it is given.
  if (specifier === null) return from === 'infra/node24.mjs' ? null : `${from} imports a computed path`;
  if (!specifier.startsWith('.')) return null;
  const to = posix.join(posix.dirname(from), specifier);
  if (from.startsWith(engine) && to.startsWith(engine)) return engineFaultOf(from, to);
  const target = unitOf(to);
  if (target === unit || levels[target]! < levels[unit]!) return null;
  const allowed = allowedTypes.some(([who, whose]) => (from === who || from.startsWith(`${who}/`)) && to === whose);
  if (allowed) return typeOnly ? null : `${from} → ${to}: only import type is allowed here`;
  return `${from} → ${to}: ${levels[target] === levels[unit] ? 'sideways' : levels[target] === undefined ? 'outside' : 'upward'}`;
}

function engineFaultOf(from: string, to: string): string | null {
  const [unit, target] = [from, to].map((path) => path.slice(engine.length).split('/')[0]!) as [string, string];
  const [level, targetLevel] = [engineLevels[unit], engineLevels[target]];
  if (level === undefined || targetLevel === undefined) return `${from} → ${to}: no place in the engine's architecture`;
  if (target === unit || targetLevel < level) return null;
  return `${from} → ${to}: ${targetLevel === level ? 'sideways' : 'upward'} in the engine`;
}

function faultsOf(tree: string): string[] {
  const strangers = readdirSync(tree, { withFileTypes: true })
    .filter(
      (entry) =>
        entry.isDirectory() &&
        !entry.name.startsWith('.') &&
        entry.name !== 'node_modules' &&
        !folders.includes(entry.name),
    )
    .map((entry) => `${entry.name}/ is not one of the top-level folders`);
  return [
    ...strangers,
    ...sourcesOf(tree).flatMap((path) =>
      importsOf(readFileSync(join(tree, path), 'utf8')).flatMap((each) => faultOf(path, each) ?? []),
    ),
  ];
}

function sourcesOf(tree: string): string[] {
  // Without what npm and the synthesis of templates made.
  return folders
    .flatMap((folder) => {
      try {
        return readdirSync(join(tree, folder), { recursive: true, withFileTypes: true });
      } catch {
        return [];
      }
    })
    .filter((entry) => entry.isFile() && /\.(ts|mts|mjs|js)$/.test(entry.name) && !entry.name.endsWith('.d.ts'))
    .map((entry) => relative(tree, join(entry.parentPath, entry.name)).replaceAll('\\', '/'))
    .filter((path) => !path.includes('node_modules/') && !path.startsWith('infra/cdk.out/'));
}

test('imports point one way and no folder is a stranger', () => {
  assert.ok(sourcesOf(root).length > 10);
  assert.deepEqual(faultsOf(root), []);
});

const badTrees: readonly (readonly [fault: RegExp, path: string, text: string])[] = [
  [/upward/, 'src/base/a.ts', "import { x } from '../api/b.ts';"],
  [/upward/, 'src/kdb/a.ts', "import type { X } from '../ingest/b.ts';"],
  [/upward/, 'src/query/a.ts', "export * from '../server.ts';"],
  [/upward/, 'src/api/a.ts', "import {\n  type X,\n  y,\n} from '../../workers/b.ts';"],
  [/upward/, 'src/api/a.ts', "async function f() {\n  return import('../main.ts');\n}"],
  [/upward/, 'src/base/a.ts', "import '../server.ts';"],
  [/upward/, 'workers/a.ts', "import { x } from '../test/b.ts';"],
  [/upward/, 'src/base/a.ts', "const x = createRequire(import.meta.url);\nconst y = require('../api/b.ts');"],
  [/sideways/, 'src/auth/a.ts', "import { x } from '../query/b.ts';"],
  [/sideways/, 'src/kdb/a.ts', "import type { X } from '../management/b.ts';"],
  [/sideways/, 'src/management/a.ts', "import type { X } from '../kdb/client.ts';"],
  [/sideways/, 'infra/local/a.ts', "import { x } from '../../kdb/agent/b.ts';"],
  [/only import type/, 'src/management/a.ts', "import { X } from '../kdb/engine.ts';"],
  [/upward/, 'src/api/step.ts', "import type { Services } from '../server.ts';"],
  [/upward in the engine/, 'kdb/embedded/memory/a.ts', "import type { X } from '../query/b.ts';"],
  [/sideways in the engine/, 'kdb/embedded/wire/a.ts', "import type { X } from '../pace.ts';"],
  [/outside/, 'src/api/a.ts', "import x from '../../tools/b.ts';"],
  [/no place/, 'src/utils/a.ts', "import x from 'node:fs';"],
  [/computed/, 'src/api/a.ts', 'await import(name);'],
  [/top-level/, 'tools/a.ts', ''],
];

for (const [fault, path, text] of badTrees) {
  test(`a tree with ${JSON.stringify(text || path)} in ${path} is refused`, (t) => {
    assert.match(faultsOf(treeWith(t, path, text)).join('\n'), fault);
  });
}

const goodTrees: readonly (readonly [path: string, text: string])[] = [
  ['src/api/a.ts', "import { x } from '../base/b.ts';\nimport { y } from './c.ts';\nimport z from 'restify';"],
  ['src/management/a.ts', "import type { X } from '../kdb/engine.ts';"],
  ['workers/a.ts', "import { x } from '../src/kdb/client.ts';"],
  ['kdb/embedded/upkeep/a.ts', "import { x } from '../query/b.ts';\nimport { y } from '../writer.ts';"],
  ['test/a.ts', "import { x } from '../kdb/agent/b.ts';\nawait import(name);"],
];

for (const [path, text] of goodTrees) {
  test(`a tree with ${JSON.stringify(text)} in ${path} is good`, (t) =>
    assert.deepEqual(faultsOf(treeWith(t, path, text)), []));
}

function treeWith(t: { after(f: () => void): void }, path: string, text: string): string {
  const tree = mkdtempSync(join(tmpdir(), 'tsg-tree-'));
  t.after(() => rmSync(tree, { recursive: true }));
  mkdirSync(dirname(join(tree, path)), { recursive: true });
  writeFileSync(join(tree, path), text);
  return tree;
}
