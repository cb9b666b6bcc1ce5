import { check } from './expressions.ts';

// [ref/drop], [ref/cut], [ref/take], [ref/sublist], [ref/join], [ref/raze]
check(
  'take, drop, cut, join',
  `
5_0 1 2 3 4 5 6 7 8 → 5 6 7 8
-5_0 1 2 3 4 5 6 7 8 → 0 1 2 3
1 _ \`a\`b\`c!1 2 3 → \`b\`c!2 3
0 1 2 3 4 5 6 7 8_5 → 0 1 2 3 4 6 7 8
(\`a\`b\`c!1 2 3)_\`a → \`b\`c!2 3
\`a\`b _ \`a\`b\`c!1 2 3 → (,\`c)!,3
(\`a\`b\`c!1 2 3) _ \`a\`b → 'type
t:([]a:1 2 3;b:4 5 6;c:\`d\`e\`f)
\`a\`b _ t → +(,\`c)!,\`d\`e\`f
t _ \`a\`b → 'type
\`a _ t → 'type
2 4 9 _ til 10 → (2 3;4 5 6 7 8;,9)
2 4 4 9 _ til 10 → (2 3;\`long$();4 5 6 7 8;,9)
4 cut til 10 → (0 1 2 3;4 5 6 7;8 9)
5#\`Arthur\`Steve\`Dennis → \`Arthur\`Steve\`Dennis\`Arthur\`Steve
-5#\`Arthur\`Steve\`Dennis → \`Steve\`Dennis\`Arthur\`Steve\`Dennis
3#9 → 9 9 9
2 5#"!" → ("!!!!!";"!!!!!")
2 3#til 6 → (0 1 2;3 4 5)
0N 3#til 10 → (0 1 2;3 4 5;6 7 8;,9)
3 0N#til 10 → (0 1 2;3 4 5;6 7 8 9)
4 0N#til 9 → (0 1;2 3;4 5;6 7 8)
enlist[2]#til 10 → 0 1
\`a\`b#\`a\`b\`c!1 2 3 → \`a\`b!1 2
10 sublist 2 3 5 → 2 3 5
1 2 sublist 2 3 5 7 11 → 3 5
1 2 3,4 → 1 2 3 4
(0;1 2.5;01b),(\`a;"abc") → (0;1 2.5;01b;\`a;"abc")
1 2.4 5, -7.9 10e → (1f;2.4;5f;-7.9e;10e)
(\`a\`b\`c!1 2 3),\`c\`d!4 5 → \`a\`b\`c\`d!1 2 4 5
([]a:1 2 3;b:\`a\`b\`c),([]a:10 11;b:\`d\`e) → +\`a\`b!(1 2 3 10 11;\`a\`b\`c\`d\`e)
([]a:til 4),([]b:til 3) → 'mismatch
raze (1 2;(3 4;5 6);7;8) → (1;2;3 4;5 6;7;8)
raze/[(1 2;(3 4;5 6);7;8)] → 1 2 3 4 5 6 7 8
raze 42 → ,42
raze \`q\`w\`e!(1 2;3 4;5 6) → 1 2 3 4 5 6
v:1 2 3
v,:4.5 → 'type
flip (1 2 3;4 5 6) → (1 4;2 5;3 6)
`,
);

// [ref/find], [ref/in], [ref/within], [ref/bin], [ref/union]
check(
  'search is by type and by rank',
  `
w:10 -8 3 5 -1 2 3
w?-8 → 1
w?17 → 7
w[7] → 0N
w?(10 5 -1;-8;3 17) → (0 3 4;1;2 7)
w?1f → 'type
u:("abcde";10 2 -6;(2 3;\`ab))
u?10 2 -6 → 1
u?"abcde" → 0
u?(2 3;\`ab) → 3 3
"x" in "a" → 0b
"wx" in "acdexyz" → 01b
("abc";("def";"ghi");"jkl")in "bed" → (010b;(110b;000b);000b)
"wx" in ("acdexyz";"abcd";"wx") → 1b
("ab";"cd") in (("ab";"cd");0 1 2) → 1b
1 3 7 6 4 in 5 4 1 6 → 10011b
1 2 in (9;(1 2;3 4)) → 00b
1 2 in (1 2;9) → 1b
1 2 in ((1 2;3 4);9) → 0b
(1 2;3 4) in ((1 2;3 4);9) → 1b
1 2. in 0#2 → 'type
1 2. in 2#2 → 'type
3 in (1 2;3) → 0b
3 in (3;1 2) → 1b
1 3 10 6 4 within 2 6 → 01011b
"acyxmpu" within "br" → 0100110b
5 within (1 2 6;3 5 7) → 010b
2 5 6 within (1 2 6;3 5 7) → 111b
(1 3 10 6 4;"acyxmpu") within ((2;"b");(6;"r")) → (01011b;0100110b)
0 2 4 6 8 10 bin -10 0 4 5 6 20 → -1 0 2 2 3 5
1 2 3 3 4 bin 2 3 → 1 3
1 2 3 3 4 ? 2 3 → 1 2
1 2 3 3 6 union 2 4 6 8 → 1 2 3 6 4 8
([]x:2 3 5;y:"abc") union ([]x:2 4;y:"ad") → +\`x\`y!(2 3 5 4;"abcd")
1 2 3 except 2 → 1 3
group "mississippi" → "misp"!(,0;1 4 7 10;2 3 5 6;8 9)
where 2 3 0 1 → 0 0 1 1 1 3
where \`amr\`ibm\`msft!2 3 1 → \`amr\`amr\`ibm\`ibm\`ibm\`msft
where 1 2f → 'type
`,
);

// [ref/asc], [ref/next], [ref/first], [ref/set-attribute]
check(
  'order, neighbours, attributes',
  `
asc 2 1 3 4 2 1 2 → \`s#1 1 2 2 2 3 4
asc (1;1b;"b";2009.01.01;"a";0) → (1b;0;1;"a";"b";2009.01.01)
asc(2f;3;4i;5h) → (5h;4i;3;2f)
iasc 2 1 3 4 2 1 2 → 1 5 0 4 6 2 3
iasc \`a\`c\`b!1 2 3 → \`a\`c\`b
iasc 0n 1 -0w 0n → 0 3 2 1
next 2 3 5 7 11 → 3 5 7 11 0N
prev 2 3 5 7 11 → 0N 2 3 5 7
2 xprev 2 7 5 3 11 → 0N 0N 2 7 5
-2 xprev 2 7 5 3 11 → 5 3 11 0N 0N
1 xprev "abcde" → " abcd"
first each (1 2 3;4 5;6 7 8 9;0) → 1 4 6 0
last \`a\`b\`c!1 2 3 → 3
first 0#1f → 0n
\`s#3 2 1 → 's-fail
\`u#2 2 → 'u-fail
\`p#2 2 2 1 1 4 4 4 4 3 3 → \`p#2 2 2 1 1 4 4 4 4 3 3
2,\`p#2 2 2 1 1 4 4 4 4 3 3 → 2 2 2 2 1 1 4 4 4 4 3 3
\`p#1 2 1 → 'u-fail
`,
);

// [ref/amend], [ref/apply], [ref/assign]
check(
  'index and amend at depth',
  `
d:((1 2 3;4 5 6 7);(8 9;10;11 12);(13 14;15 16 17 18;19 20))
d . 1 2 0 → 11
d . (2 0;0 1) → ((13 14;15 16 17 18);(1 2 3;4 5 6 7))
d . (::;0) → (1 2 3;8 9;13 14)
d . (0 2;::;1 0) → ((2 1;5 4);(14 13;16 15;20 19))
(1;\`a\`b!(2 3 4;10 20 30 40)) . (1; \`b; 2) → 30
.[(5 2.14; "abc"); 1 2; :; "x"] → (5 2.14;"abx")
.[d; (2 0; 0 1 0); ,; (100 200 300; 400 500 600)] → ((1 2 3 400 600;4 5 6 7 500);(8 9;10;11 12);(13 14 100 300;15 16 17 18 200;19 20))
.[d; (2 0; 0 1 0); :; (100 200 300; 400 500 600)] → (600 500;(8 9;10;11 12);(300;200;19 20))
.[d; (2 0; 0 1 0); neg] → ((1 2 3;-4 -5 -6 -7);(8 9;10;11 12);(13 14;-15 -16 -17 -18;19 20))
.[2 3; (); ,; 4 5 6] → 2 3 4 5 6
@[d;1 1 1;+;3] → ((1 2 3;4 5 6 7);(17 18;19;20 21);(13 14;15 16 17 18;19 20))
@[("quick";"";"brown";"fox");where"b"$count each ("quick";"";"brown";"fox");,[;"..."]] → ("quick...";"";"brown...";"fox...")
e:\`tom\`dick\`harry!1 2 3
e[\`dick\`jane]:100 200
e → \`tom\`dick\`harry\`jane!1 100 3 200
s:("the";"quick";"brown";"fox")
s[1 2],:("er";"ish")
s → ("the";"quicker";"brownish";"fox")
v:1 2 3
v[3]:1 → 'index
v[0]:1f → 'type
v[0]:1 2 → 'type
v[0 1]:1 2 3 → 'length
?[11001b;1 2 3 4 5;10 20 30 40 50] → 1 2 30 40 5
?[11001b;1;10 20 30 40 50] → 1 1 30 40 1
?[10b;1 2;1 2f] → 'type
`,
);
