// Which names a statement assigns and which it uses, lambda by lambda. A lambda sees its own names and globals, never those of the lambda around it.

import type { Report, Token } from './tokens.ts';
import { type Group, isGroup, isToken, type Node, partsOf } from './tree.ts';
import { reserved } from './words.ts';

/** q refuses 9 parameters, 111 locals, 111 globals and 241 constants [basics/errors#parse-errors]; the first and a little less of the others. */
export const mostOf = { parameters: 8, locals: 100, globals: 100 } as const;

export interface Use {
  readonly name: string;
  readonly line: number;
  /** While the file is loaded, not when a function is called. */
  readonly isAtLoad: boolean;
  /** In brackets behind the name; null: it is not called there. */
  readonly arguments: number | null;
}

export interface Names {
  readonly assigned: { readonly name: string; readonly line: number }[];
  readonly used: Use[];
}

/** Of a lambda: how many arguments it takes. */
export function parametersOf(lambda: Group): Token[] | null {
  const [first] = lambda.nodes;
  if (!isGroup(first, '[')) return null;
  const names = partsOf(first.nodes).map(([name, ...more]) =>
    more.length === 0 && isToken(name, 'name') ? name : null,
  );
  return first.nodes.length === 0 ? [] : names.filter((name) => name !== null);
}

export function namesOf(nodes: readonly Node[], report: Report): Names {
  const names: Names = { assigned: [], used: [] };
  const top = new Scope(names, report, null);
  top.walk(nodes);
  top.close();
  return names;
}

/** A lambda, or what is outside all lambdas. */
class Scope {
  readonly #names: Names;
  readonly #report: Report;
  readonly #lambda: Group | null;
  readonly #own = new Set<string>();
  readonly #globals = new Set<string>();
  readonly #plainUses: Token[] = [];

  constructor(names: Names, report: Report, lambda: Group | null) {
    this.#names = names;
    this.#report = report;
    this.#lambda = lambda;
    if (lambda) this.#takeParameters(lambda);
  }

  #takeParameters(lambda: Group): void {
    const parameters = parametersOf(lambda);
    const { line } = lambda.open;
    if (!parameters) {
      for (const name of ['x', 'y', 'z']) this.#own.add(name);
      return;
    }
    const written = (lambda.nodes[0] as Group).nodes;
    if (written.length > 0 && parameters.length < partsOf(written).length)
      this.#report('parameters', line, 'a parameter is not a name');
    if (parameters.length > mostOf.parameters)
      this.#report('parameters', line, `${parameters.length} parameters: at most ${mostOf.parameters}`);
    for (const { text, line: at } of parameters) {
      if (reserved.has(text)) this.#report('reserved', at, `${text} is a parameter, and a name of q`);
      if (text.includes('.')) this.#report('parameters', at, `a parameter with a dot: ${text}`);
      if (this.#own.has(text)) this.#report('parameters', at, `two parameters ${text}`);
      this.#own.add(text);
    }
  }

  walk(nodes: readonly Node[], isTemplate = false): void {
    let inTemplate = isTemplate;
    const skipped = this.#lambda?.nodes === nodes && parametersOf(this.#lambda) ? 1 : 0;
    for (let i = skipped; i < nodes.length; i++) {
      const node = nodes[i]!;
      const after = nodes[i + 1];
      if (isGroup(node)) this.#group(node, inTemplate);
      else if (node.kind === 'end') inTemplate = isTemplate;
      else if (node.kind === 'name') {
        // Behind these, names may be those of columns.
        if (/^(?:select|exec|update|delete)$/.test(node.text)) inTemplate = true;
        else this.#name(node, after, nodes[i + 2], inTemplate);
      }
    }
  }

  #group(group: Group, inTemplate: boolean): void {
    if (group.open.text === '{') {
      const inner = new Scope(this.#names, this.#report, group);
      inner.walk(group.nodes);
      inner.close();
      return;
    }
    const [keys, ...columns] = group.nodes;
    if (group.open.text !== '(' || !isGroup(keys, '[')) {
      this.walk(group.nodes, inTemplate);
      return;
    }
    // A table: ([] name:values; …), where names are those of columns.
    for (const part of [...partsOf(keys.nodes), ...partsOf(columns)]) {
      const isNamed = isToken(part[0], 'name') && isToken(part[1], 'assign', ':');
      this.walk(isNamed ? part.slice(2) : part, inTemplate);
    }
  }

  #name(token: Token, after: Node | undefined, next: Node | undefined, inTemplate: boolean): void {
    const { text, line } = token;
    const isIndexed = isGroup(after, '[') && isToken(next, 'assign');
    const assign = isToken(after, 'assign') ? after : isIndexed ? (next as Token) : null;
    if (assign && !inTemplate) {
      if (assign.text === '::' || text.includes('.') || !this.#lambda)
        this.#assignGlobal(token, isIndexed || !/^::?$/.test(assign.text));
      else this.#assignLocal(token);
      return;
    }
    if (text.includes('.')) {
      this.#globals.add(text);
      const given = isGroup(after, '[') ? partsOf(after.nodes).length : null;
      this.#names.used.push({ name: text, line, isAtLoad: !this.#lambda, arguments: given });
    } else if (!reserved.has(text) && !inTemplate) this.#plainUses.push(token);
  }

  #assignGlobal({ text, line }: Token, isChange: boolean): void {
    this.#globals.add(text);
    if (reserved.has(text)) this.#report('reserved', line, `${text} is a name of q`);
    else if (!this.#lambda && !text.startsWith('.')) this.#report('namespace', line, `${text} is outside .tsg`);
    else if (!text.startsWith('.')) this.#report('namespace', line, `${text} is global and outside .tsg`);
    // A part of it, or more of it: it has to be there before.
    if (isChange) this.#names.used.push({ name: text, line, isAtLoad: !this.#lambda, arguments: null });
    else this.#names.assigned.push({ name: text, line });
  }

  #assignLocal({ text, line }: Token): void {
    if (reserved.has(text)) this.#report('reserved', line, `${text} is a name of q`);
    this.#own.add(text);
  }

  close(): void {
    for (const { text, line } of this.#plainUses) {
      if (!this.#own.has(text)) this.#report('undefined', line, `${text} is no parameter or local here`);
    }
    if (!this.#lambda) return;
    const { line } = this.#lambda.open;
    const locals = this.#own.size - (parametersOf(this.#lambda)?.length ?? 3);
    if (locals > mostOf.locals) this.#report('locals', line, `${locals} locals: at most ${mostOf.locals}`);
    if (this.#globals.size > mostOf.globals)
      this.#report('globals', line, `${this.#globals.size} globals: at most ${mostOf.globals}`);
  }
}
