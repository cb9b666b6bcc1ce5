// What a piece of q text is, parsed.

import type { Iterator, Q } from './values.ts';

export type Node =
  | { readonly kind: 'constant'; readonly value: Q }
  | { readonly kind: 'name'; readonly name: string }
  /** An operator or an infix keyword as a value. */
  | { readonly kind: 'verb'; readonly name: string }
  | { readonly kind: 'list'; readonly items: readonly (Node | undefined)[] }
  | { readonly kind: 'table'; readonly keys: readonly Column[]; readonly columns: readonly Column[] }
  /** `isInfix`: written x f y. */
  | { readonly kind: 'apply'; readonly f: Node; readonly args: readonly (Node | undefined)[]; readonly at: number }
  | { readonly kind: 'iterate'; readonly iterator: Iterator; readonly f: Node }
  | {
      readonly kind: 'lambda';
      readonly source: string;
      readonly parameters: readonly string[];
      readonly locals: readonly string[];
      readonly body: readonly (Node | undefined)[];
    }
  | {
      readonly kind: 'assign';
      readonly name: string;
      readonly path: readonly (Node | undefined)[] | undefined;
      readonly operator: Node | undefined;
      readonly isGlobal: boolean;
      readonly value: Node;
    }
  | { readonly kind: 'cond'; readonly parts: readonly Node[] }
  | { readonly kind: 'if' | 'while' | 'do'; readonly test: Node; readonly body: readonly (Node | undefined)[] }
  | { readonly kind: 'block'; readonly body: readonly (Node | undefined)[] }
  | { readonly kind: 'return' | 'signal'; readonly value: Node }
  | Query;

export interface Column {
  readonly name: string;
  readonly value: Node;
}

export interface Query {
  readonly kind: 'query';
  readonly verb: 'select' | 'exec' | 'update' | 'delete';
  readonly isDistinct: boolean;
  readonly columns: readonly Column[];
  /** Without names an exec of one column is a list. */
  readonly isNamed: boolean;
  readonly by: readonly Column[] | undefined;
  readonly isByNamed: boolean;
  readonly from: Node;
  readonly where: readonly Node[];
}

/** Keywords that stand between their arguments. */
export const infix: ReadonlySet<string> = new Set(
  `and asof bin binr cor cov cross cut div each ema except fby ij ijf in insert inter like lj ljf lsq mavg mcount mdev mmax mmin mmu mod
  msum or over peach pj prior rotate scan scov set ss sublist sv uj ujf union upsert vs wavg within wsum xasc xbar xcol xcols xdesc
  xexp xgroup xkey xlog xprev xrank`.split(/\s+/),
);
