// Statements of a script and the brackets inside them.

import type { Report, Token } from './tokens.ts';

export interface Group {
  readonly open: Token;
  readonly nodes: Node[];
}

export type Node = Token | Group;

export interface Statement {
  readonly line: number;
  /** The name that it assigns, when it does nothing else. */
  readonly assigns: string | null;
  readonly nodes: readonly Node[];
}

const closing: Record<string, string> = { '(': ')', '[': ']', '{': '}' };
const closers: ReadonlySet<string> = new Set(Object.values(closing));

export const isGroup = (node: Node | undefined, bracket?: string): node is Group =>
  node !== undefined && 'open' in node && (bracket === undefined || node.open.text === bracket);

export const isToken = (node: Node | undefined, kind: Token['kind'], text?: string): node is Token =>
  node !== undefined && 'kind' in node && node.kind === kind && (text === undefined || node.text === text);

/** What semicolons separate; of nothing, one empty part. */
export function partsOf(nodes: readonly Node[]): Node[][] {
  const parts: Node[][] = [[]];
  for (const node of nodes) {
    if (isToken(node, 'end')) parts.push([]);
    else parts.at(-1)!.push(node);
  }
  return parts;
}

/** Every token below, in order, without brackets. */
export function* flat(nodes: readonly Node[]): Generator<Token> {
  for (const node of nodes) {
    if (isGroup(node)) yield* flat(node.nodes);
    else yield node;
  }
}

/** A statement is a line that begins at column 0 with the indented lines below it. */
export function statementsOf(tokens: readonly Token[], report: Report): Statement[] {
  const pieces: Token[][] = [];
  for (const token of tokens) {
    if (token.isFirst || pieces.length === 0) pieces.push([]);
    if (pieces.length === 1 && token.isContinuation && pieces[0]!.length === 0)
      report('continuation', token.line, 'an indented line with no statement above it');
    pieces.at(-1)!.push(token);
  }
  return pieces.map((piece) => {
    const nodes = treeOf(piece, report);
    const [name, assign] = nodes;
    const assigns = isToken(name, 'name') && isToken(assign, 'assign') ? name.text : null;
    return { line: piece[0]!.line, assigns, nodes };
  });
}

function treeOf(tokens: readonly Token[], report: Report): Node[] {
  const top: Node[] = [];
  const open: Group[] = [];
  for (const token of tokens) {
    const into = open.at(-1)?.nodes ?? top;
    if (token.isContinuation && open.length === 0 && endsValue(top.at(-1)) && !closers.has(token.text))
      report('continuation', token.line, `an indented line goes on with a statement that is complete: ${token.text}`);
    if (token.kind !== 'bracket') into.push(token);
    else if (token.text in closing) {
      const group: Group = { open: token, nodes: [] };
      into.push(group);
      open.push(group);
    } else {
      const group = open.pop();
      if (!group) report('bracket', token.line, `${token.text} closes nothing`);
      else if (closing[group.open.text] !== token.text)
        report('bracket', token.line, `${token.text} closes the ${group.open.text} of line ${group.open.line}`);
    }
  }
  for (const { open: bracket } of open)
    report('bracket', bracket.line, `${bracket.text} is not closed where the next line at column 0 begins a statement`);
  return top;
}

const endsValue = (node: Node | undefined): boolean =>
  isGroup(node) || (node !== undefined && ['name', 'number', 'string', 'symbol'].includes((node as Token).kind));
