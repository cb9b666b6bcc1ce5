import assert from 'node:assert/strict';
import { test } from 'node:test';
import { check, type Fault } from './checker.ts';
import { allowedCalls, scriptFolder, sourcesOf } from './main.ts';

const contract = ['.tsg.hello', '.tsg.insert'];

const rulesOf = (faults: readonly Fault[]): string[] => faults.map(({ rule, line }) => `${rule} ${line}`);

test('the scripts of the q engine have no fault', () => {
  assert.deepEqual(check(sourcesOf([scriptFolder]), allowedCalls), []);
});

/** One script alone: rules and lines of its faults. */
function bad(expected: string, text: string, name = 'a.q'): void {
  test(`${expected}: ${JSON.stringify(text.slice(0, 100))}`, () => {
    assert.deepEqual(rulesOf(check([{ name, text }], contract)), expected.split(', '));
  });
}

function good(title: string, text: string, name = 'a.q'): void {
  test(`good: ${title}`, () => assert.deepEqual(check([{ name, text }], contract), []));
}

const many = (count: number, separator: string, item: (i: number) => string): string =>
  Array.from({ length: count }, (_, i) => item(i)).join(separator);

// Tokens.
bad('string 1', '.tsg.a:"abc');
bad('string 1', '.tsg.a:"abc\n.tsg.b:1');
bad('string 1', '.tsg.a:"abc\\"');
bad('escape 1', '.tsg.a:"a\\d"');
bad('escape 1', '.tsg.a:"\\19z"');
bad('character 2', '.tsg.a:1\n.tsg.b:1\u00a0');
bad('character 1', '.tsg.a:1\r\n.tsg.b:2');
bad('comment 2', '.tsg.a:1\n/\n.tsg.b:2\n');
bad('end of script 2', '.tsg.a:1\n\\\n.tsg.b:(');
bad('command 1', '\\l other.q');
bad('command 2', '.tsg.a:1\n\\d .tsg');
bad('command 1', '\\t 100');
bad('command 1', 'k)a:1');
good('strings', '.tsg.a:("";"a";"\\"";"\\\\";"\\101\\n\\r\\t";"/ no comment";" / nor this"; "{[(")');
good('comments', '/ a "\n.tsg.a:1 / b ( "\n/\n.tsg.b:(\n \\\n\\\n.tsg.c:+/[1 2]\n  / at the end }\n');
good('a comment within a statement, and an empty line', '.tsg.a:{[b]\n/ why\n\n  b+1 / how\n  }');
good('symbols', '.tsg.a:(`:file/a_b.c;`a.b;`;`:host:5000:u;`a_b;`$"x";`a`b!1 2;``a)');
good('numbers', '.tsg.a:(0x0aff;1e-5;-1;0Nj;2000.01.01D00:00:00.1;12:30;.5;1b;0Ng;-0w;1 -1;2-1;3_1 2 3 4;1e;2h)');
good('file operators', '.tsg.a:{[file] 0: file; 1: file; file 0: "a"}');

// Statements and brackets.
bad('bracket 1', '.tsg.a:(1;2');
bad('bracket 1', '.tsg.a:{[b] b+1\n.tsg.c:1');
bad('bracket 1', '.tsg.a:(1;2]');
bad('bracket 1', '.tsg.a:1)');
bad('bracket 1, bracket 2', '.tsg.a:{[b] b+1;\n}');
bad('bracket 1, bracket 2, undefined 2', '.tsg.a:{[b]\nb+1}');
bad('continuation 1', '  .tsg.a:1');
bad('continuation 2', '.tsg.a:1\n  .tsg.b:2');
good('continuations', '.tsg.a:\n  1+\n  2\n.tsg.b:(1;\n  2\n  )');

// Names.
bad('reserved 1', 'cos:12');
bad('reserved 1', '.tsg.a:{[b] last:b; b}');
bad('reserved 1', '.tsg.a:{[b] if[count:b;:b]; b}');
bad('reserved 1', '.tsg.a:{[b] sum+:b; b}');
bad('reserved 1', '.tsg.a:{[type] 1}');
bad('reserved 1', '.tsg.a:{[b] upper[0]:b; b}');
bad('namespace 1', 'total:12');
bad('namespace 1', '.tsg.a:{[b] total::b}');
bad('namespace 1', '.other.a:1');
bad('namespace 1', '.Q.a:1');
bad('namespace 1', '.q.a:1');
bad('undefined 1', '.tsg.a:{[b] c+b}');
bad('undefined 1', '.tsg.a:{[b] c:1; {[d] c+d} b}');
bad('undefined 1', '.tsg.a:{[b] x+b}');
bad('undefined 1', '.tsg.a:.tsg.b');
bad('undefined 1', '.tsg.a:{[b] .tsg.bb b}');
bad('undefined 1', '.tsg.a:`.tsg.b');
bad('undefined 1', '.tsg.a,:1');
bad('undefined 1', '.tsg.a:{[b] .z.nothing}');
bad('undefined 1', '.tsg.a:{[b] b.c}');
bad('undefined 1', '.tsg.a:.other.b');
bad('name 1', '.tsg.a:{[b_c] 1}');
bad('undefined 1', '.tsg.a:`:a-b');
bad('dotted name 2', '.tsg.b:1\n.tsg.a:{[c] c[1].tsg.b}');
bad('parameters 1', '.tsg.a:{[b;c;b] 1}');
bad('parameters 1', '.tsg.a:{[b;(c)] 1}');
bad('parameters 1', `.tsg.a:{[${many(9, ';', (i) => `p${i}`)}] 1}`);
bad('locals 1', `.tsg.a:{[b] ${many(101, ';', (i) => `v${i}:b`)}}`);
bad('globals 1', `.tsg.a:{[b] ${many(101, ';', (i) => `.tsg.g.v${i}`)}}\n.tsg.g:1`);
bad('rank 2', '.tsg.a:{[b;c] b+c}\n.tsg.d:{[e] .tsg.a[e;e;e]}');
bad('rank 2', '.tsg.a:{x+y}\n.tsg.d:{[e] .tsg.a[e;e;e]}');
good('eight parameters, 100 locals', `.tsg.a:{[${many(8, ';', (i) => `p${i}`)}] ${many(100, ';', (i) => `v${i}:1`)}}`);
good('implicit parameters', '.tsg.a:{x+y*z}\n.tsg.b:.tsg.a[1;2;3]');
good('columns of tables and of templates', '.tsg.t:([]last:1 2;b:3 4)\n.tsg.a:{[c] select b from c where d=1}');
good('calls of no arguments, projections', '.tsg.a:{1}\n.tsg.c:{[d;e] d}\n.tsg.b:(.tsg.a[];.tsg.c[1])');
good('assignment in a condition, by index and by amending', '.tsg.a:{[b] if[count c:b;c[0]:1;c,:2]; :c}');

// What may stand where.
bad('system 1', '.tsg.a:{[b] system b}');
bad('system 1', '.tsg.a:system', 'query.q');
bad('evaluation 1', '.tsg.a:{[b] value b}');
bad('evaluation 1', '.tsg.a:{[b] parse b}');
bad('evaluation 1', '.tsg.a:{[b] eval b}');
bad('evaluation 1', '.tsg.a:{[b] reval b}');
bad('evaluation 1', '.tsg.a:{[b] get b}');
bad('evaluation 1', '.tsg.a:{[b] (value;b)}');
bad('evaluation 1', '.tsg.a:{[b] (`value;b)}');
bad('evaluation 1', '.tsg.other:{[b] value b}', 'catalogue.q');
good('a value where it is allowed', '.tsg.valuesOf:{[dictionary] value dictionary}', 'catalogue.q');
bad('internal 1', '.tsg.a:{[b] -11!b}');
bad('internal 1', '.tsg.a:{[b] -6!b}');
bad('internal 1', '.tsg.a:{[b] -5!b}');
bad('internal 1', '.tsg.a:{[b] -24!b}');
bad('internal 1', '.tsg.a:{[b] -11!(-2;b)}', 'parts.q');
good('a replay', '.tsg.a:{[b] -11!(-2;b)}', 'journal.q');
bad('branches 1', '.tsg.a:{[b] $[b;1;b;2]}');
bad('branches 1', '.tsg.a:{[b] if b;}');
bad('branches 1', '.tsg.a:{[b] if[b]}');
good('branches', '.tsg.a:{[b] $[b;1;b=2;3;4]+$["j";b]}');

// Scripts together.
const handlers = ['ac', 'pg', 'ph', 'pp', 'pq', 'ps', 'pw', 'ws'].map((name) => `.z.${name}:{x}`).join('\n');
const functions = '.tsg.hello:{x}\n.tsg.insert:{[a;b] a}\n';
const access = (symbols: string, handled = handlers) => [
  { name: 'access.q', text: `${functions}.tsg.calls:${symbols}\n${handled}\n` },
];

function together(expected: string, title: string, sources: readonly { name: string; text: string }[]): void {
  test(`${expected || 'good'}: ${title}`, () => {
    assert.deepEqual(rulesOf(check(sources, contract)), expected === '' ? [] : expected.split(', '));
  });
}

together('', 'the whitelist has the calls of the contract', access('`.tsg.hello`.tsg.insert'));
together('whitelist 1', 'a call is missing', access('enlist `.tsg.hello'));
together('whitelist 3', 'a call too many', access('`.tsg.hello`.tsg.insert`.tsg.calls'));
together(
  'handler 1',
  'a handler is left as q has it',
  access('`.tsg.hello`.tsg.insert', handlers.replace('.z.ws', '.z.po')),
);

const loader = (names: string) => `.tsg.load:{[name] system "l ",name}\n.tsg.load each (${names})\n.tsg.b[]\n`;
const b = { name: 'b.q', text: '.tsg.b:{.tsg.c}\n' };
const c = { name: 'c.q', text: '.tsg.c:1\n' };
together('', 'each is loaded before it is needed', [{ name: 'tsg.q', text: loader('"b.q";"c.q"') }, b, c]);
together('load 1', 'one that is not there', [{ name: 'tsg.q', text: loader('"b.q";"c.q";"d.q"') }, b, c]);
together('load 1', 'one that nobody loads', [
  { name: 'tsg.q', text: loader('"b.q";"c.q"') },
  b,
  c,
  { name: 'd.q', text: '' },
]);
together('order 1', 'used while it is loaded, and assigned later', [
  { name: 'tsg.q', text: loader('"b.q";"c.q"') },
  { name: 'b.q', text: '.tsg.b:{.tsg.c} .tsg.c\n' },
  c,
]);
