import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ApiError } from '../../src/base/errors.ts';
import type { Filter, SeriesDefinition } from '../../src/kdb/engine.ts';
import { parseConditions as conditions, splitList } from '../../src/query/condition.ts';
import { parameterError } from '../../src/query/fault.ts';
import { noMatches } from '../../src/query/tag-regex.ts';
import { filterOf } from '../../src/query/where.ts';
import { anyText, anyTextNotEmpty } from '../any-text.ts';

const cpu: SeriesDefinition = {
  series: 'cpu',
  tags: ['host', 'x=y', 'é!', 'a\\'],
  fields: [
    { name: 'usage', type: 'float' },
    { name: 'jobs', type: 'long' },
    { name: 'up', type: 'boolean' },
    { name: 'state', type: 'string' },
    { name: 'a<b', type: 'float' },
  ],
};

/** As the engine is asked. */
function parseConditions(series: SeriesDefinition, texts: readonly string[]): Filter | null {
  const where = conditions(series, texts);
  if (!where) return null;
  try {
    return filterOf(series, where, noMatches);
  } catch (error) {
    throw parameterError(error);
  }
}

const among = (tag: string, ...values: string[]): Filter => ({ op: 'in', tag, values });
const not = (of: Filter): Filter => ({ op: 'not', of });

test('conditions on tags', () => {
  const check = (text: string, filter: Filter) => assert.deepEqual(parseConditions(cpu, [text]), filter, text);
  check('host=a', among('host', 'a'));
  check('host!=a', not(among('host', 'a')));
  check('host=a,b', among('host', 'a', 'b'));
  check('host=a,a', among('host', 'a'));
  check('host!=a,b', not(among('host', 'a', 'b')));
  check('host=', among('host', ''));
  check('host!=', not(among('host', '')));
  check('host=a\\,b', among('host', 'a,b'));
  check('host=a\\\\,b', among('host', 'a\\', 'b'));
  check('host=C:\\temp', among('host', 'C:\\temp'));
  check('host=a\\', among('host', 'a\\'));
  check('host==a', among('host', '=a'));
  check('host=a=b!=c<d', among('host', 'a=b!=c<d'));
  check('host=a\nb', among('host', 'a\nb'));
  check('host=日本', among('host', '日本'));
  check('x\\=y=z', among('x=y', 'z'));
  check('é!!=1', not(among('é!', '1')));
  check('é\\!=1', among('é!', '1'));
});

test('conditions on fields', () => {
  const check = (text: string, filter: Filter) => assert.deepEqual(parseConditions(cpu, [text]), filter, text);
  check('usage>=90', { op: 'ge', field: 'usage', value: 90 });
  check('usage>90.5', { op: 'gt', field: 'usage', value: 90.5 });
  check('usage<=-1e-3', { op: 'le', field: 'usage', value: -0.001 });
  check('usage<.5', { op: 'lt', field: 'usage', value: 0.5 });
  check('usage=1.', { op: 'eq', field: 'usage', value: 1 });
  check('usage!=0', { op: 'ne', field: 'usage', value: 0 });
  check('a\\<b<5', { op: 'lt', field: 'a<b', value: 5 });
  check('jobs=9007199254740993', { op: 'eq', field: 'jobs', value: 9_007_199_254_740_993n });
  check('jobs>=-9223372036854775807', { op: 'ge', field: 'jobs', value: -9_223_372_036_854_775_807n });
  check('jobs<9223372036854775807', { op: 'lt', field: 'jobs', value: 9_223_372_036_854_775_807n });
  check('jobs=+5', { op: 'eq', field: 'jobs', value: 5n });
  check('up=true', { op: 'eq', field: 'up', value: true });
  check('up!=false', { op: 'ne', field: 'up', value: false });
  check('state=on fire', { op: 'eq', field: 'state', value: 'on fire' });
  check('state=', { op: 'eq', field: 'state', value: '' });
  check('jobs=1,2', {
    op: 'or',
    of: [
      { op: 'eq', field: 'jobs', value: 1n },
      { op: 'eq', field: 'jobs', value: 2n },
    ],
  });
  check('state!=a,b\\,c', {
    op: 'and',
    of: [
      { op: 'ne', field: 'state', value: 'a' },
      { op: 'ne', field: 'state', value: 'b,c' },
    ],
  });
});

test('several conditions must all hold', () => {
  assert.equal(parseConditions(cpu, []), null);
  assert.deepEqual(parseConditions(cpu, ['host=a', 'usage>1']), {
    op: 'and',
    of: [among('host', 'a'), { op: 'gt', field: 'usage', value: 1 }],
  });
});

test('conditions that are refused', () => {
  const refused = (text: string, code: string, message: RegExp) =>
    assert.throws(
      () => parseConditions(cpu, [text]),
      (error) => error instanceof ApiError && error.code === code && message.test(error.message),
      text,
    );
  for (const text of ['', 'host', '=a', '!=a', '<5', '\\', 'host\\=a'])
    refused(text, 'InvalidRequest', /where: .* give a condition like host=a/);
  refused('nope=a', 'TagNotFound', /Series cpu has no tag nope/);
  refused('x=y', 'TagNotFound', /no tag x$/);
  refused('__proto__=a', 'TagNotFound', /no tag __proto__/);
  refused('nope>5', 'FieldNotFound', /Series cpu has no field nope/);
  refused('time>5', 'FieldNotFound', /no field time/);
  refused('host>a', 'FilterNotSupported', /Operator > does not work on host, which is a tag/);
  refused('up>=true', 'FilterNotSupported', /Operator >= does not work on up, which is boolean/);
  refused('usage>1,2', 'InvalidRequest', /only = and != take a list/);
  for (const value of ['', 'x', 'NaN', 'Infinity', '1e999', '0x10', ' 1', '1_0', '1f'])
    refused(`usage>${value}`, 'InvalidRequest', /give a finite number to compare the float "usage"/);
  for (const value of ['', '1.0', '1e3', '1i', '-9223372036854775808', '9223372036854775808', '9'.repeat(1000)])
    refused(`jobs=${value}`, 'InvalidRequest', /give a 64-bit integer/);
  for (const value of ['', 't', 'TRUE', '1']) refused(`up=${value}`, 'InvalidRequest', /give true or false/);
});

test('a list gives back the items it was made of', () => {
  const escaped = (item: string) => item.replace(/[\\,=!<>]/g, '\\$&');
  fc.assert(
    fc.property(fc.array(anyText, { minLength: 1 }), (items) =>
      assert.deepEqual(splitList(items.map(escaped).join(',')), items),
    ),
  );
});

test('any name and value can be written', () => {
  const escaped = (item: string) => item.replace(/[\\,=!<>]/g, '\\$&');
  fc.assert(
    fc.property(anyTextNotEmpty, anyText, (tag, value) => {
      assert.deepEqual(
        parseConditions({ series: 's', tags: [tag], fields: [] }, [`${escaped(tag)}=${escaped(value)}`]),
        among(tag, value),
      );
    }),
  );
});
