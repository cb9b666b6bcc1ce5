// What can be said of q code without q. Each fault names its rule, file and line.

import { type Names, namesOf, parametersOf } from './scopes.ts';
import { type Report, type Token, tokensOf } from './tokens.ts';
import { flat, isGroup, isToken, type Node, partsOf, type Statement, statementsOf } from './tree.ts';
import { lockedHandlers, machine } from './words.ts';

export interface Source {
  readonly name: string;
  readonly text: string;
}

export interface Fault {
  readonly rule: string;
  readonly file: string;
  readonly line: number;
  readonly message: string;
}

/** The script that loads the others. */
const firstFile = 'tsg.q';
/** The script with the whitelist. */
const accessFile = 'access.q';

/**
 * What evaluates text or parse trees, or reads what a name says, and where it may stand: as [file, statement]. Each of these gets what the scripts made
 * themselves: a dictionary, a path.
 */
const evaluators: Readonly<Record<string, readonly (readonly [file: string, statement: string])[]>> = {
  value: [['catalogue.q', '.tsg.valuesOf']],
  get: [
    ['parts.q', '.tsg.readFile'],
    ['parts.q', '.tsg.saveManifest'],
    ['checkpoint.q', '.tsg.runMerge'],
    ['memory.q', '.tsg.hot'],
    ['memory.q', '.tsg.late'],
  ],
  parse: [],
  eval: [],
  reval: [],
  view: [],
  load: [],
  rload: [],
  system: [[firstFile, '*']],
};

/** Internal functions by number [basics/internal], and the files that may use them; the others evaluate, load or change the process. */
const internals: Readonly<Record<string, readonly string[]>> = {
  '-3': ['*'],
  '-8': ['*'],
  '-11': ['journal.q'],
  '-18': ['*'],
  '-21': ['*'],
  '-22': ['*'],
  '-30': ['*'],
  '-33': ['*'],
};

interface Script {
  readonly name: string;
  readonly tokens: readonly Token[];
  readonly statements: readonly Statement[];
  readonly names: readonly Names[];
  readonly report: Report;
}

/** All scripts of a folder together; `calls` are the names that the contract has. */
export function check(sources: readonly Source[], calls: readonly string[]): Fault[] {
  const faults: Fault[] = [];
  const scripts = sources.map(({ name, text }) => {
    const report: Report = (rule, line, message) => faults.push({ rule, file: name, line, message });
    const tokens = tokensOf(text, report);
    const statements = statementsOf(tokens, report);
    return { name, tokens, statements, names: statements.map(({ nodes }) => namesOf(nodes, report)), report };
  });
  for (const script of scripts) checkScript(script);
  checkNames(scripts);
  const first = scripts.find(({ name }) => name === firstFile);
  if (first) checkOrder(first, scripts);
  const access = scripts.find(({ name }) => name === accessFile);
  if (access) {
    checkWhitelist(access, calls);
    checkHandlers(access, scripts);
  }
  return faults;
}

function checkScript({ name: file, statements, report }: Script): void {
  for (const { nodes, assigns } of statements) {
    const tokens = [...flat(nodes)];
    for (const { kind, text, line } of tokens) {
      const allowed = kind === 'name' || kind === 'symbol' ? evaluators[text.replace(/^`/, '')] : undefined;
      const isAllowed = allowed?.some(([place, name]) => place === file && (name === '*' || name === assigns));
      if (allowed && !isAllowed)
        report(text === 'system' ? 'system' : 'evaluation', line, `${text} must not stand here`);
      if (kind === 'name' && text.startsWith('.z.') && !machine.has(text))
        report('undefined', line, `${text} is nothing that q has`);
      if (kind === 'name' && /_/.test(text)) report('name', line, `${text}: an underscore in a name looks like drop`);
    }
    checkNodes(nodes, file, report);
  }
}

function checkNodes(nodes: readonly Node[], file: string, report: Report): void {
  for (const [i, node] of nodes.entries()) {
    const after = nodes[i + 1];
    const line = isGroup(node) ? node.open.line : node.line;
    if (isToken(node, 'number') && isToken(after, 'operator', '!') && node.text.startsWith('-')) {
      const places = internals[node.text] ?? [];
      if (!places.includes('*') && !places.includes(file))
        report('internal', line, `${node.text}! must not stand here`);
    }
    if (isToken(node, 'operator', '$') && isGroup(after, '[')) {
      const branches = partsOf(after.nodes).length;
      if (branches > 2 && branches % 2 === 0)
        report('branches', line, `$[…] with ${branches} parts has no last one for else`);
    }
    if (isToken(node, 'name') && ['if', 'while', 'do'].includes(node.text)) {
      if (!isGroup(after, '[')) report('branches', line, `${node.text} without brackets`);
      else if (partsOf(after.nodes).length < 2) report('branches', line, `${node.text} with nothing to do`);
      else if (isToken(partsOf(after.nodes)[0]!.at(0), 'end'))
        report('branches', line, `${node.text} without a condition`);
    }
    // g[x].a.b applies g[x] to a.b: the dot is taken for an operator.
    if (isGroup(node) && isToken(after, 'name') && after.text.startsWith('.') && !after.isApart)
      report('dotted name', after.line, `${after.text} needs a blank before it`);
    if (isGroup(node)) checkNodes(node.nodes, file, report);
  }
}

function checkNames(scripts: readonly Script[]): void {
  const assigned = new Set(
    scripts.flatMap(({ names }) => names.flatMap((each) => each.assigned.map(({ name }) => name))),
  );
  const isThere = (name: string): boolean =>
    assigned.has(name) || [...assigned].some((each) => name.startsWith(`${each}.`) || each.startsWith(`${name}.`));
  const arities = aritiesOf(scripts);
  for (const { tokens, names, report } of scripts) {
    for (const { name, line, arguments: given } of names.flatMap(({ used }) => used)) {
      if (!name.startsWith('.')) report('undefined', line, `${name} is a name with a dot that is not global`);
      else if (name.startsWith('.tsg.') && !isThere(name)) report('undefined', line, `${name} is never assigned`);
      else if (!/^\.(?:tsg|z|Q|j|h)\./.test(name)) report('undefined', line, `${name} belongs to nobody`);
      const most = arities.get(name);
      if (given !== null && most !== undefined && given > Math.max(1, most))
        report('rank', line, `${name} is given ${given} arguments and takes ${most}`);
    }
    for (const { kind, text, line } of tokens)
      if (kind === 'symbol' && text.startsWith('`.tsg.') && !isThere(text.slice(1)))
        report('undefined', line, `${text} names what is never assigned`);
    for (const { name, line } of names.flatMap((each) => each.assigned))
      if (name.startsWith('.') && !name.startsWith('.tsg.') && !machine.has(name))
        report('namespace', line, `${name} is outside .tsg`);
  }
}

/** How many arguments a name takes that is one lambda wherever it is assigned. */
function aritiesOf(scripts: readonly Script[]): Map<string, number> {
  const arities = new Map<string, number>();
  const others = new Set<string>();
  for (const { nodes, assigns } of scripts.flatMap(({ statements }) => statements)) {
    const lambda = nodes[2];
    if (assigns && nodes.length === 3 && isGroup(lambda, '{') && isToken(nodes[1], 'assign', ':')) {
      const parameters = parametersOf(lambda)?.length ?? implicitOf(lambda.nodes);
      arities.set(assigns, Math.max(arities.get(assigns) ?? 0, parameters));
    } else if (assigns) others.add(assigns);
  }
  for (const name of others) arities.delete(name);
  return arities;
}

/** x, y and z where a lambda does not name its parameters. */
function implicitOf(nodes: readonly Node[]): number {
  let most = 0;
  for (const node of nodes) {
    if (isGroup(node) && node.open.text !== '{') most = Math.max(most, implicitOf(node.nodes));
    else if (isToken(node, 'name')) most = Math.max(most, ['x', 'y', 'z'].indexOf(node.text) + 1);
  }
  return most;
}

/** What runs while the scripts are loaded finds only what was loaded before. */
function checkOrder(first: Script, scripts: readonly Script[]): void {
  const isLoading = ({ nodes }: Statement): boolean => loadedBy(nodes).length > 0;
  const at = first.statements.findIndex(isLoading);
  const order = first.statements.filter(isLoading).flatMap(({ nodes }) => loadedBy(nodes));
  for (const name of order)
    if (!scripts.some((script) => script.name === name)) first.report('load', 1, `${name} is loaded and is not there`);
  for (const { name, report } of scripts)
    if (name !== firstFile && !order.includes(name)) report('load', 1, `nothing loads ${name}`);
  const isAssigned = new Set<string>();
  const run = ({ names, report }: Script, from: number, to?: number): void => {
    for (const { assigned, used } of names.slice(from, to)) {
      for (const { name, line, isAtLoad } of used)
        if (isAtLoad && name.startsWith('.tsg.') && !isAssigned.has(name))
          report('order', line, `${name} is used before it is assigned`);
      for (const { name } of assigned) isAssigned.add(name);
    }
  };
  run(first, 0, at + 1);
  for (const name of order) {
    const script = scripts.find((each) => each.name === name);
    if (script) run(script, 0);
  }
  run(first, at + 1);
}

const loadedBy = (nodes: readonly Node[]): string[] =>
  [...flat(nodes)].flatMap(({ kind, text }) => (kind === 'string' ? (/^"([\w-]+\.q)"$/.exec(text)?.[1] ?? []) : []));

/** access.q names every call of the contract, and no other function by a symbol. */
function checkWhitelist({ tokens, report }: Script, calls: readonly string[]): void {
  const named = new Set(tokens.filter(({ kind }) => kind === 'symbol').map(({ text }) => text.slice(1)));
  for (const call of calls)
    if (!named.has(call)) report('whitelist', 1, `${call} of the contract is not in the whitelist`);
  for (const { kind, text, line } of tokens)
    if (kind === 'symbol' && text.startsWith('`.') && !calls.includes(text.slice(1)))
      report('whitelist', line, `${text} is no call of the contract`);
}

function checkHandlers({ report }: Script, scripts: readonly Script[]): void {
  const assigned = new Set(
    scripts.flatMap(({ names }) => names.flatMap((each) => each.assigned.map(({ name }) => name))),
  );
  for (const handler of lockedHandlers)
    if (!assigned.has(handler)) report('handler', 1, `${handler} is left as q has it`);
}
