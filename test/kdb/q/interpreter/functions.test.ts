import { check } from './expressions.ts';

// [basics/function-notation], [basics/application], [ref/cond], [ref/signal]
check(
  'lambdas, projections, control, signals and traps',
  `
{[a;b] a2:a*a; b2:b*b; a2+b2+2*a*b}[20;4] → 576
f:{2*x;}
(::)~f 10 → 1b
f:{a:6;b:7;:a*b;c::98}
f 0 → 42
a:42
f:{a+x}
{a:1000;f x}1 → 43
{x+z*10}[1;2;3] → 31
{x+y}[1;2;3] → 'rank
double:2*
double 5 → 10
halve:%[;2]
halve[10] → 5f
f:{x+y*z}
g:f[2;;4]
g 3 → 14
(f . 2 3) 4 → 14
l:("Buddy can you spare";;"?")
l "a dime" → ("Buddy can you spare";"a dime";"?")
+ . 2 3 → 5
m:("abcd";"efgh";"ijkl")
m[0;1 0 3] → "bad"
$[0b;\`true;\`false] → \`false
{$[x>0;1;x<0;-1;0]}'[0 3 -9] → 0 1 -1
(::)~$[0b;\`true;0b;\`foo] → 1b
$["";1;2] → 'type
.[+;"ab";\`ouch] → \`ouch
.[+;"ab";{"Wrong ",x}] → "Wrong type"
.[+;2 3;{"Wrong ",x}] → 5
@[{'x};\`err;{"trap:",x}] → "trap:err"
@[{'x};1;{"trap:",x}] → "trap:stype"
@[{'x};"a";{"trap:",x}] → "trap:stype"
word → 'word
n:0;while[n<5;n+:1];n → 5
do[3;n+:2];n → 11
cos:12 → 'assign
{[a;b;c;d;e;f;g;h;i] a} → 'params
value "{a",(":a" sv string til 111),":0}" → 'locals
value "{a",("::a" sv string til 111),"::0}" → 'globals
value "{",(";" sv string 2+til 241),"}" → 'limit
{w:1;{x+y}[w;2]}[] → 3
count select from ([]a:1 2 3) where a>1 → 2
{a:1;{a}[]}[] → 42
`,
);

// [ref/maps], [ref/accumulators]
check(
  'iterators',
  `
(+/)2 3 4 → 9
(+\\)2 3 4 → 2 5 9
1000+\\2 3 4 → 1002 1005 1009
(,\\)2 3 4 → (,2;2 3;2 3 4)
{x,y}\\[2 3 4] → (2;2 3;2 3 4)
42{[x;y]x}\\2 3 4 → 42 42 42
({[x;y]x}\\)2 3 4 → 2 2 2
{x+y*z}\\[1000;5 10 15 20;2 3 4 5] → 1010 1040 1100 1200
(rotate[1]\\)"abcd" → ("abcd";"bcda";"cdab";"dabc")
(neg\\)1 → 1 -1
3 (2*)\\2 7 → (2 7;4 14;8 28;16 56)
(10>)(2*)\\2 → 2 4 8 16
{x<1000}{x+x}\\2 → 2 4 8 16 32 64 128 256 512 1024
10{x,sum -2#x}/0 1 → 0 1 1 2 3 5 8 13 21 34 55 89
mt:0#0
type each (mt;*/[mt];{x*y}/[mt]) → 7 -7 0h
type each (mt;*\\[mt];{x*y}\\[mt]) → 7 7 0h
42+/mt → 42
(count')\`a\`b\`c!(1 2 3;4 5;6 7 8 9) → \`a\`b\`c!3 2 4
1 2 3 in'(1 0 1;til 100;5 6 7) → 110b
{x+y*z}'[1000000;1 0 1;5000 6000 7000] → 1005000 1000000 1007000
"abcde",\\:"XY" → ("aXY";"bXY";"cXY";"dXY";"eXY")
"abcde",/:"XY" → ("abcdeX";"abcdeY")
{x,/:\\:x}til 3 → ((0 0;0 1;0 2);(1 0;1 1;1 2);(2 0;2 1;2 2))
(-':)1 1 2 3 5 8 13 → 1 0 1 1 2 3 5
1950 -': \`S\`J\`C!1952 1954 1960 → \`S\`J\`C!2 2 6
(*':)2 3 4 → 2 6 12
(,':)2 3 4 → (2;3 2;4 3)
{x+2*y}':[2 3 4] → 0N 7 10
()~{x+y*z}'[\`foo;mt;mt] → 1b
type (2*')til 0 → 0h
type (2*)til 0 → 7h
1 2+'1 2 3 → 'length
`,
);
