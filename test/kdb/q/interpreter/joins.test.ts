import { check } from './expressions.ts';

// [ref/aj], [ref/ij], [ref/ej], [ref/uj], [ref/lj]
check(
  'joins',
  `
t:([]time:10:01:01 10:01:03 10:01:04;sym:\`msft\`ibm\`ge;qty:100 200 150)
q:([]time:10:01:00 10:01:00 10:01:00 10:01:02;sym:\`ibm\`msft\`msft\`ibm;px:100 99 101 98)
aj[\`sym\`time;t;q] → +\`time\`sym\`qty\`px!(10:01:01 10:01:03 10:01:04;\`msft\`ibm\`ge;100 200 150;101 98 0N)
([] k:1 2 3 4; v:10 20 30 40) ij ([k:2 3 4 5]; v:200 300 400 500;s:\`a\`b\`c\`d) → +\`k\`v\`s!(2 3 4;200 300 400;\`a\`b\`c)
t1:([] k:1 2 3 4; c:10 20 30 40)
t2:([] k:2 2 3 4 5; c:200 222 300 400 500; v:2.2 22.22 3.3 4.4 5.5)
ej[\`k;t1;t2] → +\`k\`c\`v!(2 2 3 4;200 222 300 400;2.2 22.22 3.3 4.4)
s:([]a:1 2;b:2 3;c:5 7)
u:([]a:1 2 3;b:2 3 7;c:10 20 30;d:"ABC")
s,u → 'mismatch
s uj u → +\`a\`b\`c\`d!(1 2 1 2 3;2 3 2 3 7;5 7 10 20 30;"  ABC")
x:([]a:1 2 3;b:10 20 30)
y:([]a:1 3;b:100 300)
r:([]a:1 2 3;b:100 20 300)
(1!r)~(1!x)lj 1!y → 1b
x lj y → 'type
0!\`a\`b xgroup ([]a:0 0 1 1 2;b:\`a\`a\`c\`d\`e;c:til 5) → +\`a\`b\`c!(0 1 1 2;\`a\`c\`d\`e;(0 1;,2;,3;,4))
ungroup select c2 by c1 from ([]c1:\`a\`b\`a\`b\`c;c2:10 20 30 40 50) → +\`c1\`c2!(\`a\`a\`b\`b\`c;10 30 20 40 50)
([]s:\`IBM\`MSFT)cross([]v:1 2) → +\`s\`v!(\`IBM\`IBM\`MSFT\`MSFT;1 2 1 2)
1 2 3 cross 10 20 → (1 10;1 20;2 10;2 20;3 10;3 20)
(\`a\`c!\`A\`C)xcol([]a:();b:();c:()) → +\`A\`b\`C!(();();())
\`b xcols ([]a:1 2;b:3 4) → +\`b\`a!(3 4;1 2)
`,
);

// [ref/dev], [ref/ema], [ref/floor], [ref/signum], [ref/rank], [ref/differ]
check(
  'statistics and small words',
  `
dev 10 343 232 55 → 134.3484
sdev 10 343 232 55 → 155.1322
2 mdev 1 2 3 5 7 10 → 0 0.5 0.5 1 1 1.5
5 mdev 0N 2 0N 5 7 0N → 0n 0 0 1.5 2.054805 2.054805
ema[1%3;1,10#0] → 1 0.6666667 0.4444444 0.2962963 0.1975309 0.1316872 0.0877915 0.05852766 0.03901844 0.02601229 0.01734153
floor -2.1 0 2.1 → -3 0 2
floor(1.2;3.4 5.6) → (1;3 5)
floor 2000.01.01 → 'type
signum -2 0 1 3 → -1 0 1 1i
signum (0n;0N;0Nt;0Nd;0Nh;0Ne) → -1 -1 -1 -1 -1 -1i
signum 1999.12.31 → -1i
signum(10;-20 30) → (1i;-1 1i)
rank 2 7 3 2 5 → 0 4 2 1 3
iasc idesc 2 7 3 2 5 → 3 0 2 4 1
differ\`IBM\`IBM\`MSFT\`CSCO\`CSCO → 10110b
differ (7;\`a;\`a;09:34) → 1101b
`,
);
