// q text to nodes: no precedence, from the right; nouns beside each other apply [basics/syntax].

import { doubt } from './lists.ts';
import { survey } from './names.ts';
import { scan, type Token } from './scanner.ts';
import { type Column, infix, type Node, type Query } from './syntax.ts';
import { fail, type Iterator, nothing } from './values.ts';

export const maxParameters = 8;
const maxLocals = 110;
const maxGlobals = 110;
/** Constants, locals and globals together [basics/function-notation#variables-and-constants]. */
const maxConstants = 240;

/** Statements of a text, for a console or a line of a script. */
export function parse(source: string): (Node | undefined)[] {
  const parser = new Parser(source, scan(source));
  const body = parser.statements(undefined);
  return body;
}

const queryWords = new Set(['select', 'exec', 'update', 'delete']);
const controls = new Set(['if', 'while', 'do']);

class Parser {
  readonly #source: string;
  readonly #tokens: Token[];
  #place = 0;
  /** In a phrase of a query a comma parts, and by, from and where end it. */
  #isPhrase = false;
  #phraseDepth = 0;

  constructor(source: string, tokens: Token[]) {
    this.#source = source;
    this.#tokens = tokens;
  }

  get #next(): Token | undefined {
    return this.#tokens[this.#place];
  }
  #is(text: string): boolean {
    const token = this.#next;
    return token !== undefined && token.kind !== 'constant' && token.text === text;
  }
  #isMark(text: string): boolean {
    return this.#next?.kind === 'mark' && this.#next.text === text;
  }
  #take(text: string): void {
    if (!this.#is(text)) fail(text === '}' || text === ')' || text === ']' ? text : 'parse');
    this.#place++;
  }

  /** Up to the mark given, or the end. An empty one is undefined. */
  statements(until: string | undefined): (Node | undefined)[] {
    const found: (Node | undefined)[] = [];
    for (;;) {
      found.push(this.#statement());
      if (this.#isMark(';')) {
        this.#place++;
        continue;
      }
      if (until === undefined) {
        if (this.#next) fail(this.#next.kind === 'mark' ? this.#next.text : 'parse');
        return found;
      }
      this.#take(until);
      return found;
    }
  }

  #statement(): Node | undefined {
    if (this.#next?.kind === 'assign' && this.#next.text === ':') {
      this.#place++;
      if (this.#isEnd()) return { kind: 'verb', name: ':' };
      return { kind: 'return', value: this.#expression() ?? { kind: 'constant', value: nothing } };
    }
    return this.#expression();
  }

  #isEnd(): boolean {
    const token = this.#next;
    if (!token) return true;
    if (token.kind === 'mark') return [')', ']', '}', ';'].includes(token.text);
    if (!this.#isPhrase) return false;
    return (
      (token.kind === 'verb' && token.text === ',') ||
      (token.kind === 'name' && ['by', 'from', 'where'].includes(token.text))
    );
  }

  #expression(): Node | undefined {
    if (this.#isEnd()) return undefined;
    const token = this.#next!;
    if (token.kind === 'iterator' && token.text === "'" && this.#tokens[this.#place + 1]?.kind !== undefined) {
      const after = this.#tokens[this.#place + 1]!;
      if (!(after.kind === 'mark' && after.text === '[')) {
        this.#place++;
        return { kind: 'signal', value: this.#expression() ?? fail('parse') };
      }
    }
    if (token.kind === 'assign' && token.text === ':') {
      // `:` as a value, for an amend; with something behind it, a return.
      this.#place++;
      if (this.#isEnd()) return { kind: 'verb', name: ':' };
      return { kind: 'return', value: this.#expression()! };
    }
    if (token.kind === 'assign' && token.text === '::') {
      this.#place++;
      if (this.#isEnd()) return { kind: 'constant', value: nothing };
      if (this.#isMark('[')) return this.#after(this.#postfix({ kind: 'constant', value: nothing }, token));
      return fail('parse');
    }
    if (token.kind === 'name' && queryWords.has(token.text)) {
      const after = this.#tokens[this.#place + 1];
      if (after !== undefined) return this.#query(token.text as Query['verb']);
    }
    const at = token.at;
    const { node, isVerb } = this.#term();
    if (isVerb) {
      if (this.#isEnd()) return node;
      // A verb before another one is its left argument: + . 2 3
      const next = this.#next!;
      if (next.kind === 'verb' || (next.kind === 'name' && infix.has(next.text))) return this.#after(node, at);
      return fail(`nyi a prefix verb: ${this.#source.slice(at, at + 24)}`);
    }
    return this.#after(node, at);
  }

  /** What a noun is followed by: nothing, an assignment, a verb and its right side, or what it is applied to. */
  #after(left: Node, at = 0): Node {
    if (this.#isEnd()) return left;
    const token = this.#next!;
    if (token.kind === 'assign') return this.#assignment(left, token.text);
    if (token.kind === 'name' && queryWords.has(token.text))
      return { kind: 'apply', f: left, args: [this.#expression()], at };
    const { node, isVerb } = this.#term();
    if (isVerb) {
      const right = this.#expression();
      return { kind: 'apply', f: node, args: [left, right], at };
    }
    const right = this.#after(node, token.at);
    return { kind: 'apply', f: left, args: [right], at };
  }

  #assignment(left: Node, text: string): Node {
    this.#place++;
    const value = this.#statement();
    const target =
      left.kind === 'apply' && left.f.kind === 'name'
        ? { name: left.f.name, path: left.args }
        : left.kind === 'name'
          ? { name: left.name, path: undefined }
          : fail('assign');
    if (value === undefined) return fail('parse');
    const operator: Node | undefined =
      text === ':' || text === '::' ? undefined : { kind: 'verb', name: text.slice(0, -1) };
    return { kind: 'assign', ...target, operator, isGlobal: text === '::', value };
  }

  #term(): { node: Node; isVerb: boolean } {
    const token = this.#next!;
    this.#place++;
    if (token.kind === 'constant') return this.#withPostfix({ kind: 'constant', value: token.value }, false, token);
    if (token.kind === 'verb') return this.#withPostfix({ kind: 'verb', name: token.text }, true, token);
    if (token.kind === 'iterator') return this.#withPostfix({ kind: 'verb', name: token.text }, true, token);
    if (token.kind === 'name') {
      if (controls.has(token.text) && this.#isMark('['))
        return { node: this.#control(token.text as 'if'), isVerb: false };
      const isInfix = infix.has(token.text);
      return this.#withPostfix(
        isInfix ? { kind: 'verb', name: token.text } : { kind: 'name', name: token.text },
        isInfix,
        token,
      );
    }
    if (token.kind === 'mark' && token.text === '(') return this.#withPostfix(this.#parenthesis(), false, token);
    if (token.kind === 'mark' && token.text === '{') return this.#withPostfix(this.#lambda(token.at), false, token);
    if (token.kind === 'mark' && token.text === '[')
      return { node: { kind: 'block', body: this.#nested(() => this.statements(']')) }, isVerb: false };
    return fail('parse');
  }

  #withPostfix(node: Node, isVerb: boolean, token: Token): { node: Node; isVerb: boolean } {
    const found = this.#postfix(node, token);
    if (found === node) return { node, isVerb };
    return { node: found, isVerb: found.kind === 'iterate' };
  }

  /** Brackets and iterators that follow at once. */
  #postfix(start: Node, token: Token): Node {
    let node = start;
    for (;;) {
      const next = this.#next;
      if (next?.kind === 'mark' && next.text === '[') {
        this.#place++;
        const args = this.#nested(() => this.#items(']'));
        if (node.kind === 'verb' && node.name === '$' && args.length > 2) {
          if (this.#phraseDepth > 0) fail('rank');
          node = { kind: 'cond', parts: args.map((arg) => arg ?? { kind: 'constant', value: nothing }) };
        } else node = { kind: 'apply', f: node, args: args.length === 0 ? [undefined] : args, at: token.at };
        continue;
      }
      if (next?.kind === 'iterator' && next.at === this.#tokens[this.#place - 1]!.end) {
        this.#place++;
        node = { kind: 'iterate', iterator: next.text as Iterator, f: node };
        continue;
      }
      return node;
    }
  }

  #nested<T>(parse: () => T): T {
    const was = this.#isPhrase;
    this.#isPhrase = false;
    const result = parse();
    this.#isPhrase = was;
    return result;
  }

  /** Parts by semicolons; [] has one that is elided. */
  #items(until: string): (Node | undefined)[] {
    const items: (Node | undefined)[] = [];
    for (;;) {
      items.push(this.#statement());
      if (this.#isMark(';')) {
        this.#place++;
        continue;
      }
      this.#take(until);
      return items;
    }
  }

  #parenthesis(): Node {
    return this.#nested((): Node => {
      if (this.#isMark('[')) {
        this.#place++;
        const keys = this.#columns(']');
        return { kind: 'table', keys, columns: this.#columns(')') };
      }
      const items = this.#items(')');
      if (items.length === 1) return items[0] ? { kind: 'list', items: [items[0]] } : { kind: 'list', items: [] };
      return { kind: 'list', items };
    });
  }

  #columns(until: string): Column[] {
    const items = this.#items(until).filter((item) => item !== undefined);
    return items.map((item) => named(item));
  }

  #lambda(start: number): Node {
    return this.#nested((): Node => {
      let explicit: string[] | undefined;
      if (this.#isMark('[')) {
        this.#place++;
        explicit = [];
        while (!this.#isMark(']')) {
          const token = this.#next;
          if (token?.kind === 'name') explicit.push(token.text);
          else if (!this.#isMark(';')) fail('parse');
          this.#place++;
        }
        this.#place++;
      }
      const depth = this.#phraseDepth;
      this.#phraseDepth = 0;
      const body = this.statements('}');
      this.#phraseDepth = depth;
      const source = this.#source.slice(start, this.#tokens[this.#place - 1]!.end);
      const used = new Set<string>();
      const assigned = new Set<string>();
      const constants = { total: 0 };
      for (const node of body) if (node) survey(node, used, assigned, constants);
      const parameters = explicit ?? ['x', 'y', 'z'].slice(0, used.has('z') ? 3 : used.has('y') ? 2 : 1);
      if (parameters.length > maxParameters) fail('params');
      const locals = [...assigned].filter((name) => !parameters.includes(name));
      if (locals.length > maxLocals) fail('locals');
      const globals = [...used].filter((name) => !parameters.includes(name) && !assigned.has(name)).length;
      if (globals > maxGlobals) fail('globals');
      if (constants.total + locals.length + globals > maxConstants) fail('limit');
      return { kind: 'lambda', source, parameters, locals, body };
    });
  }

  #control(word: 'if' | 'while' | 'do'): Node {
    this.#place++;
    const parts = this.#nested(() => this.statements(']'));
    const [test, ...body] = parts;
    return { kind: word, test: test ?? fail('parse'), body };
  }

  #query(verb: Query['verb']): Node {
    this.#place++;
    const isInPhrase = this.#isPhrase;
    let isDistinct = false;
    if (this.#isMark('[')) fail('nyi select[…]');
    if (this.#is('distinct') && verb !== 'update') {
      isDistinct = true;
      this.#place++;
    }
    const columns = this.#phrases();
    let by: Column[] | undefined;
    let isByNamed = false;
    if (this.#is('by')) {
      this.#place++;
      const nodes = this.#phraseNodes();
      isByNamed = nodes.some((node) => node.kind === 'assign') || nodes.length > 1;
      by = nameAll(nodes);
    }
    if (!this.#is('from')) fail('from');
    this.#place++;
    this.#isPhrase = false;
    const from = this.#fromExpression();
    let where: Node[] = [];
    if (this.#is('where')) {
      this.#place++;
      where = this.#phraseNodes();
    }
    this.#isPhrase = isInPhrase;
    const isNamed = columns.length > 1 || columns.some((node) => node.kind === 'assign');
    return { kind: 'query', verb, isDistinct, columns: nameAll(columns), isNamed, by, isByNamed, from, where };
  }

  /** Up to `where` of this query. */
  #fromExpression(): Node {
    const was = this.#tokens;
    const place = this.#tokens.findIndex((token, at) => at >= this.#place && this.#endsFrom(at, token));
    if (place < 0) return this.#expression() ?? fail('parse');
    const isNested = this.#tokens
      .slice(this.#place, place)
      .some((token) => token.kind === 'name' && queryWords.has(token.text));
    if (isNested) return this.#expression() ?? fail('parse');
    this.#tokens.splice(place, 0, { kind: 'mark', text: ';', at: was[place]!.at, end: was[place]!.at, isApart: false });
    const from = this.#expression() ?? fail('parse');
    this.#tokens.splice(place, 1);
    return from;
  }
  #endsFrom(at: number, token: Token): boolean {
    if (token.kind !== 'name' || token.text !== 'where') return false;
    let depth = 0;
    for (let i = this.#place; i < at; i++) {
      const mark = this.#tokens[i]!;
      if (mark.kind !== 'mark') continue;
      if ('([{'.includes(mark.text)) depth++;
      if (')]}'.includes(mark.text)) depth--;
      if (depth < 0 || (depth === 0 && mark.text === ';')) return false;
    }
    return depth === 0;
  }

  #phrases(): Node[] {
    return this.#is('by') || this.#is('from') ? [] : this.#phraseNodes();
  }
  #phraseNodes(): Node[] {
    this.#phraseDepth++;
    const nodes: Node[] = [];
    for (;;) {
      this.#isPhrase = true;
      nodes.push(this.#expression() ?? fail('parse'));
      this.#isPhrase = true;
      const token = this.#next;
      if (token?.kind === 'verb' && token.text === ',') {
        this.#place++;
        continue;
      }
      break;
    }
    this.#isPhrase = false;
    this.#phraseDepth--;
    return nodes;
  }
}

/** a:expression, or an expression with the name that q gives it: its leftmost column [basics/qsql#computed-columns]. */
function named(node: Node): Column {
  if (node.kind === 'assign' && node.path === undefined && node.operator === undefined)
    return { name: node.name, value: node.value };
  return { name: lastName(node) ?? 'x', value: node };
}
function lastName(node: Node): string | undefined {
  if (node.kind === 'name') return node.name === 'i' ? undefined : node.name.split('.').at(-1);
  if (node.kind === 'list' && node.items.length === 1) return lastName(node.items[0]!);
  if (node.kind !== 'apply' || !node.args[0]) return undefined;
  const [left, right] = node.args;
  if (left.kind === 'constant' && left.value.t === -11 && right) {
    doubt('the name of a column that begins with a constant');
    return lastName(right);
  }
  return lastName(left);
}
function nameAll(nodes: readonly Node[]): Column[] {
  const taken = new Set<string>();
  return nodes.map((node) => {
    const column = named(node);
    let name = column.name;
    for (let i = 1; taken.has(name); i++) name = `${column.name}${i}`;
    taken.add(name);
    return { name, value: column.value };
  });
}
