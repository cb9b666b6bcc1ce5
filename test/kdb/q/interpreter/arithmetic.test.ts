import { check } from './expressions.ts';

// [ref/add], [ref/subtract], [ref/multiply], [ref/divide], [basics/math]
check(
  'add, subtract, multiply, divide',
  `
2+3 4 5 → 5 6 7
5+\`a\`b\`c!100 200 300 → \`a\`b\`c!105 205 305
(10;20 30)+(2;3 4) → (12;23 34)
(\`a\`b!(10 -21 3;4 5 -6))+\`b\`c!(10 20 30;1000*1 2 3) → \`a\`b\`c!(10 -21 3;14 25 24;1000 2000 3000)
2000.11.22-03:44:55.666 → 2000.11.21D20:15:04.334000000
type 55-1i → -7h
3 4 5*2.2 → 6.6 8.8 11
1.1*\`a\`b\`c!5 10 20 → \`a\`b\`c!5.5 11 22
2%3 → 0.6666667
1b%0b → 0w
"z"%"a" → 1.257732
00:00:10.000000000 % 00:00:05.000000000 → 2f
2010.01.01 % 2005.01.01 → 1.999453
(10;20 30)%(2;3 4) → (5f;6.666667 7.5)
2012.05 2012.06m-2 → 2012.03 2012.04m
2017.12.31+0 1 2 → 2017.12.31 2018.01.01 2018.01.02
2017.12m% 1 2 3 → 215 107.5 71.66667
00:10%2 → 5f
3+\`a\`b\`c!(42;2012.09.15;1b) → \`a\`b\`c!(45;2012.09.18;4)
1+\`a → 'type
"a"+1 → 'type
1 2+1 2 3 → 'length
type 1b+1b → -6h
type 0x01+0x01 → -6h
`,
);

// [ref/div], [ref/mod], [ref/xbar]
check(
  'div, mod and xbar floor',
  `
7 div 2 3 4 → 3 2 1
-7 7 div/:\\:-2.5 -2 2 2.5 → (2 3 -4 -3;-3 -4 3 2)
7f div 2 → 3f
6i div 4 → 1i
2014.10.13 div 365 → 2000.01.15
7h div 3 → 2i
0x80 div 16 → 8i
(10;20 30)div(3 4; -5) → (3 2;-4 -6)
-3 -2 -1 0 1 2 3 4 mod 3 → 0 1 2 0 1 2 0 1
7 mod 2 3 4 → 1 1 3
-7 7 mod/:\\:-2.5 -2 2 2.5 → (-2 -1 1 0.5;-0.5 -1 1 2)
(10;20 30)mod(7 13;-12) → (3 10;-4 -6)
3 xbar til 16 → 0 0 0 3 3 3 6 6 6 9 9 9 12 12 12 15
2.5 xbar til 16 → 0 0 0 2.5 2.5 5 5 5 7.5 7.5 10 10 10 12.5 12.5 15
5 xbar 11:00 + 0 2 3 5 7 11 13 → 11:00 11:00 11:00 11:05 11:05 11:10 11:10
\`date$3 xbar \`month$2019.11.19 → 2019.10.01
`,
);

// [ref/greater], [ref/fill], [basics/precision], [basics/datatypes]
check(
  'greater, fill, comparison with its tolerance, nulls and infinities',
  `
2|3 → 3
1010b or 1100b → 1110b
"sat"|"cow" → "sow"
98|"a" → "b"
0^1 2 3 0N → 1 2 3 0
1.0^1.2 -4.5 0n 0n 15 → 1.2 -4.5 1 1 15
\`nobody^\`tom\`dick\`\`harry → \`tom\`dick\`nobody\`harry
10^11.0 2.1 3.1 0n 4.5 0n → 11 2.1 3.1 10 4.5 10
(\`a\`b\`c!1 2 3)^\`b\`c!0N 30 → \`a\`b\`c!1 2 30
r7:1%7
1.0=sum 7#r7 → 1b
0=1.0-sum 7#r7 → 0b
96.100000000000009 = 96.099999999999994 → 1b
differ 96.100000000000009 96.099999999999994 → 10b
96.100000000000009 96.099999999999994 ? 96.099999999999994 → 1
a:1e12
a=a-1 → 0b
a:1e13
a=a-1 → 1b
a:1f
b:a-10 xexp -13
a>b → 0b
floor b → 0
(a,a)?b → 2
iasc a,b → 1 0
0N=0N → 1b
0N<0 → 1b
0N+1 → 0N
0W+1 → 0N
9223372036854775806+1 → 0W
"j"$0n → 0N
null 0 0n 0w 1 0n → 01001b
-0W<0N → 0b
\`a<\`b → 1b
\`a=1 → 'type
(</)\`a\`b → 1b
`,
);

// [ref/sum], [ref/min], [ref/avg], [ref/deltas], [ref/all-any]
check(
  'aggregates pass nulls over in simple lists only',
  `
sum 7 → 7
sum 2 3 0N 7 → 12
sum (1 2 3 4;2 3 5 7) → 3 5 8 11
sum \`a\`b\`c!1 2 3 → 6
sum "abc" → 'type
sum (0n 8;8 0n) → 0n 0n
sum 0n 8 → 8f
sum each flip(0n 8;8 0n) → 8 8f
sum (1 2;0N 4) → 0N 6
type sum 0#0 → -7h
sum 0N 0N → 0
sums 2 3 0N 7 → 2 5 5 12
3 msum 1 2 3 5 7 11 → 1 3 6 10 15 23
3 msum 0N 2 3 5 0N 11 → 0 2 5 10 8 16
2 3 4 wsum 1 2 4 → 24f
2 wsum 1 2 4 → 14
(1 2;3 4) wsum (500 400;300 200) → 1400 1600
min 2 5 7 1 3 → 1
min "genie" → "e"
min 0N 5 0N 1 3 → 1
min 0N 0N → 0W
min (1 2;0N 4) → 0N 2
mins 0N 5 0N 1 3 → 0W 5 5 1 1
min \`a\`b → 'type
avg 1 0n 2 3 → 2f
avg (1 2;0N 4) → 0n 3
avg -0w 0w → 0n
avg 101b → 0.6666667
avgs 1 2 3 0n 4 -0w 0w → 1 1.5 2 2 2.5 -0w 0n
2 mavg 1 2 3 5 7 10 → 1 1.5 2.5 4 6 8.5
5 mavg 0N 2 0N 5 7 0N → 0n 2 2 3.5 4.666667 4.666667
2 3 4 wavg 1 2 4 → 2.666667
2 0N 4 5 wavg 1 2 0N 8 → 6f
deltas 1 4 9 16 → 1 3 5 7
deltas 2000 2005 2007 2012 2020 → 2000 5 2 5 8
fills 0N 2 3 0N 0N 7 0N → 0N 2 3 3 3 7 7
0 ^\\ 0N 0N 3 0N 5 → 0 0 3 3 5
all 1 2 3 = 1 2 4 → 0b
all () → 1b
all 2000.01.01 → 0b
all " \\000" → 0b
any () → 0b
any 1 2 3 = 10 20 4 → 0b
all ([] c1:1 2 3; c2:0n 0w -0w; c3:0 1 2f) → \`c1\`c2\`c3!110b
any \`a\`b → 'type
`,
);
