// Which names a lambda uses and assigns, and how many constants it has.

import type { Node } from './syntax.ts';

/** Names used and assigned at this level: lambdas inside have their own; phrases of queries do not count for x, y, z. */
export function survey(node: Node, used: Set<string>, assigned: Set<string>, constants: { total: number }): void {
  const visit = (child: Node | undefined): void => {
    if (child) survey(child, used, assigned, constants);
  };
  switch (node.kind) {
    case 'constant':
      constants.total++;
      return;
    case 'name':
      used.add(node.name);
      return;
    case 'verb':
    case 'lambda':
      return;
    case 'list':
      node.items.forEach(visit);
      return;
    case 'table':
      for (const column of [...node.keys, ...node.columns]) visit(column.value);
      return;
    case 'apply':
      visit(node.f);
      node.args.forEach(visit);
      return;
    case 'iterate':
      visit(node.f);
      return;
    case 'assign':
      if (!node.name.includes('.') && !node.isGlobal) assigned.add(node.name);
      used.add(node.name);
      node.path?.forEach(visit);
      visit(node.operator);
      visit(node.value);
      return;
    case 'cond':
      node.parts.forEach(visit);
      return;
    case 'block':
      node.body.forEach(visit);
      return;
    case 'return':
    case 'signal':
      visit(node.value);
      return;
    case 'query':
      visit(node.from);
      return;
    default:
      visit(node.test);
      node.body.forEach(visit);
  }
}
