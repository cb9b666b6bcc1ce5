// Which type an operation of two types gives: the tables of the pages, rows for the left argument, columns for the right one.

import { fail, typeOfLetter } from './values.ts';

/** [ref/add], [ref/subtract] and so on: rows are types of the left argument, columns of the right one. */
const order = 'bgxhijefcspmdznuvt';
const rowsOf = (rows: string): string[] => rows.trim().split(/\s*\n\s*/);
const add = rowsOf(`i.iiijef..pmdznuvt
  ..................
  i.iiijef..pmdznuvt
  i.iiijef..pmdznuvt
  i.iiijef..pmdznuvt
  j.jjjjef..pmdznuvt
  e.eeeeef..pmdznuvt
  f.ffffff.. ffzzffff
  .......f..pmdznuvt
  ..................
  p.ppppp f p.n...pppp
  m.mmmmmfm..i..pppp
  d.dddddzd...i.pppp
  z.zzzzzzz....fpzzz
  n.nnnnnfn.ppppnnnn
  u.uuuuufu.pppznuvt
  v.vvvvvfv.pppznvvt
  t.tttttft.pppzn ttt`).map((row) => row.replaceAll(' ', ''));
const numberOnly = (rows: string[]): string[] =>
  rows.map((row, place) => (place < 10 ? row : `${row.slice(0, 10)}........`));
const divRow: Record<string, string> = { b: 'i', x: 'i', h: 'i', c: 'i', e: 'f' };
const div = [...order].map((left) =>
  [...order].map((right) => ('gs'.includes(left) || 'gs'.includes(right) ? '.' : (divRow[left] ?? left))).join(''),
);
const greater = rowsOf(`b.xhijefc.pmdznuvt
  ..................
  x.xhijefc.pmdznuvt
  h.hhijefc.pmdznuvt
  i.iiijefc.pmdznuvt
  j.jjjjefc.pmdznuvt
  e.eeeeefc.pmdznuvt
  f.ffffffc.pmdznuvt
  c.ccccccc.pmdznuvt
  ..................
  p.ppppppp.ppppnuvt
  m.mmmmmmm.pmd.....
  d.ddddddd.pddz....
  z.zzzzzzz.p.zznuvt
  n.nnnnnnn.n..nnnnn
  u.uuuuuuu.u..unuvt
  v.vvvvvvv.v..vnvvt
  t.ttttttt.t..tnttt`);
const fill = greater.map((row, place) => {
  const letter = order[place]!;
  return letter === 'g' || letter === 's' ? order.replaceAll(/./g, (other) => (other === letter ? letter : '.')) : row;
});
const modRow: Record<string, string> = { p: 'n', m: 'i', d: 'i', z: 'f' };
const mod = numberOnly(add).map((row, place) =>
  place < 10 ? row : row.replaceAll(order[place]!, modRow[order[place]!] ?? order[place]!),
);
/** A number minus a char is one; the other way round it is not. */
const subtract = add.map((row, place) =>
  'bxhije'.includes(order[place]!) ? `${row.slice(0, 8)}${row[0]}${row.slice(9)}` : row,
);

const hasNumber = (letter: string): boolean => letter !== 'g' && letter !== 's';
const divide = [...order].map((left) =>
  [...order].map((right) => (hasNumber(left) && hasNumber(right) ? 'f' : '.')).join(''),
);

export const resultTypes = { add, subtract, multiply: numberOnly(add), divide, div, greater, fill, mod };

export function resultType(rows: readonly string[], a: number, b: number): number {
  const left = order.indexOf(letterAt(a));
  const right = order.indexOf(letterAt(b));
  const letter = rows[left]?.[right] ?? '.';
  return letter === '.' ? fail('type') : typeOfLetter(letter)!;
}
const letters = ' bg xhijefcspmdznuvt';
const letterAt = (t: number): string => letters[Math.abs(t)] ?? ' ';
