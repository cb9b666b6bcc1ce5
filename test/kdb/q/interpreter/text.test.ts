import { check } from './expressions.ts';

// [ref/cast], [ref/tok], [ref/string]
check(
  'cast, tok and string',
  `
(\`int;"i";6h)$10 → 10 10 10i
\`int$(neg\\)6.1 6.6 → (6 7i;-6 -7i)
1h$(neg\\)1 0 2 → (101b;101b)
\`hh\`uu\`ss$03:55:58.11 → 3 55 58i
\`year\`dd\`mm\`hh\`uu\`ss$2015.10.28D03:55:58 → 2015 28 10 3 55 58i
\`$"   IBM   " → \`IBM
\`float$0Wh → 32767f
("*";0h)$1 → 1 1
"i"$\`a → 'type
"E"$"3.14" → 3.14e
-8h$"3.14" → 3.14e
"U"$"12:13:14" → 12:13
"D"$"2000-12-12" → 2000.12.12
"P"$"2015-10-28D03:55:58.6542" → 2015.10.28D03:55:58.654200000
"BXH"$("42";"42";"42") → (0b;0x42;42h)
"B"$"   Y  " → 1b
"B"$(" Y ";"    N ") → 10b
"J"$("12";"x") → 12 0N
"j"$() → \`long$()
string \`ibm → "ibm"
string 2 → ,"2"
string {x*x} → "{x*x}"
string (2 3;"abc") → ((,"2";,"3");(,"a";,"b";,"c"))
string \`a\`b\`c!2002 2004 2010 → \`a\`b\`c!("2002";"2004";"2010")
"x"$"abc" → 0x616263
`,
);

// [ref/ss], [ref/like], [ref/vs], [ref/sv]
check(
  'patterns, parts and joins',
  `
"We the people of the United States" ss "the" → 3 17
s:"toronto ontario"
s ss "ont" → 3 8
s ss "[ir]o" → 2 13
s ss "t?r" → 0 10
ssr[s;"ont";"x"] → "torxo xario"
ssr[s;"t?r";upper] → "TORonto onTARio"
\`quick like "qu?ck" → 1b
\`brown like "br[ao]wn" → 1b
\`brawn\`brown like "br[^o]wn" → 10b
(\`a\`b\`c!\`quick\`brown\`fox)like "brown" → \`a\`b\`c!010b
"," vs "one,two,three" → ("one";"two";"three")
"|" vs "red|green||blue" → ("red";"green";"";"blue")
\` vs \`mywork.dat → \`mywork\`dat
\` vs \`:/home/kdb/data/mywork.dat → \`:/home/kdb/data\`mywork.dat
0x0 vs 2413h → 0x096d
0x0 vs 2413f → 0x40a2da0000000000
10 vs 1995 → 1 9 9 5
", " sv ("one";"two";"three") → "one, two, three"
"." sv string 192 168 1 23 → "192.168.1.23"
\` sv ("one";"two";"three") → "one\\ntwo\\nthree\\n"
\` sv \`quick\`brown\`fox → \`quick.brown.fox
\` sv \`:/home/kdb/q\`data\`2010.03.22\`trade → \`:/home/kdb/q/data/2010.03.22/trade
10 sv 2 3 5 7 → 2357
0x0 sv "x" $0 255 → 255h
0x0 sv "x" $til 8 → 283686952306183
`,
);
