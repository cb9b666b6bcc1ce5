import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FieldType, SeriesDefinition } from '../../src/kdb/engine.ts';
import { extended, holdsColumns, sameColumns } from '../../src/management/series-definition.ts';
import { code } from './region.ts';

/** `host,rack usage:float cores:long` */
function definition(text: string): SeriesDefinition {
  const [tags = '', ...fields] = text.split(' ');
  return {
    series: 'cpu',
    tags: tags.split(',').filter(Boolean),
    fields: fields.map((field) => {
      const [name, type] = field.split(':') as [string, FieldType];
      return { name, type };
    }),
  };
}

const extensions: readonly (readonly [have: string, wanted: string, result: string])[] = [
  ['', '', ''],
  ['', 'host v:float', 'host v:float'],
  ['host v:float', 'rack w:long', 'host,rack v:float w:long'],
  ['host,rack v:float w:long', 'rack w:long', 'host,rack v:float w:long'],
  ['host,rack v:float', '', 'host,rack v:float'],
];
for (const [have, wanted, result] of extensions) {
  test(`'${have}' and '${wanted}' make '${result}'`, () =>
    assert.deepEqual(extended(definition(have), definition(wanted)), definition(result)));
}

const refusals: readonly (readonly [have: string, wanted: string, error: string])[] = [
  ['host v:float', ' v:long', 'FieldTypeClash'],
  ['host v:float', ' host:float', 'TagFieldClash'],
  ['host v:float', 'v', 'TagFieldClash'],
  ['', 'v v:float', 'TagFieldClash'],
  ['', ` v:float v:long`, 'FieldTypeClash'],
  [Array.from({ length: 64 }, (_, i) => `t${i}`).join(','), 'host', 'TooManyFields'],
  ['', Array.from({ length: 1025 }, (_, i) => ` f${i}:long`).join(''), 'TooManyFields'],
];
for (const [have, wanted, error] of refusals) {
  test(`'${have.slice(0, 20)}' and '${wanted.slice(0, 20)}' are refused: ${error}`, () =>
    assert.throws(() => extended(definition(have), definition(wanted)), code(error)));
}

const comparisons: readonly (readonly [one: string, other: string, same: boolean, holds: boolean])[] = [
  ['host v:float', 'host v:float', true, true],
  ['a,b x:long y:long', 'b,a y:long x:long', true, true],
  ['host v:float', 'host v:long', false, false],
  ['host v:float w:long', 'host w:long', false, true],
  ['host v:float', 'host,rack v:float', false, false],
];
for (const [one, other, same, holds] of comparisons) {
  test(`'${one}' and '${other}'`, () => {
    assert.equal(sameColumns(definition(one), definition(other)), same);
    assert.equal(holdsColumns(definition(one), definition(other)), holds);
  });
}
