import { check } from './expressions.ts';

// [ref/select], [ref/exec], [ref/update], [basics/qsql]
check(
  'select, exec, update, delete',
  `
tbl:([] id:1 1 2 2 2;val:100 200 300 400 500)
select from tbl → +\`id\`val!(1 1 2 2 2;100 200 300 400 500)
t:([] c1:\`a\`b\`c; c2:10 20 30; c3:1.1 2.2 3.3)
select c3, c1 from t → +\`c3\`c1!(1.1 2.2 3.3;\`a\`b\`c)
select c1, c1, 2*c2, c2+c3, string c3 from t → +\`c1\`c11\`x\`c2\`c3!(\`a\`b\`c;\`a\`b\`c;20 40 60;11.1 22.2 33.3;("1.1";"2.2";"3.3"))
select c1, dbl:c3*2 from t → +\`c1\`dbl!(\`a\`b\`c;2.2 4.4 6.6)
select i, c1 from t → +\`x\`c1!(0 1 2;\`a\`b\`c)
select from t where i in 0 2 → +\`c1\`c2\`c3!(\`a\`c;10 30;1.1 3.3)
select from t where 101b → +\`c1\`c2\`c3!(\`a\`c;10 30;1.1 3.3)
select from t where c2>15,c3<3.0 → +\`c1\`c2\`c3!(,\`b;,20;,2.2)
select from t where (c2>15) and c3<3.0 → +\`c1\`c2\`c3!(,\`b;,20;,2.2)
select from t where c3 → 'type
0!select c2 by c1 from ([]c1:\`a\`b\`a\`b\`c;c2:10 20 30 40 50) → +\`c1\`c2!(\`s#\`a\`b\`c;(10 30;20 40;,50))
p:([] name:\`tom\`dick\`harry\`jack\`jill;sex:\`m\`m\`m\`m\`f;eye:\`blue\`green\`blue\`blue\`gray)
0!select name by sex,eye from p → +\`sex\`eye\`name!(\`f\`m\`m;\`gray\`blue\`green;(,\`jill;\`tom\`harry\`jack;,\`dick))
0!select by sex from p → +\`sex\`name\`eye!(\`s#\`f\`m;\`jill\`jack;\`gray\`blue)
select name, distinct eye from p → 'length
exec name, distinct eye from p → \`name\`eye!(\`tom\`dick\`harry\`jack\`jill;\`blue\`green\`gray)
n:([]n:\`x\`y\`x\`z\`z\`y;p:0 15 12 20 25 14)
exec n from n → \`x\`y\`x\`z\`z\`y
exec p by n from n → \`s#\`x\`y\`z!(0 12;15 14;20 25)
exec last p from n → 14
0!select m:max p,s:sum p by name:n from n where p>0,n in \`x\`y → +\`name\`m\`s!(\`s#\`x\`y;12 15;12 29)
update p:max p by n from n where p>0 → +\`n\`p!(\`x\`y\`x\`z\`z\`y;0 15 12 25 25 15)
update eye:\`none from p where sex=\`f → +\`name\`sex\`eye!(\`tom\`dick\`harry\`jack\`jill;\`m\`m\`m\`m\`f;\`blue\`green\`blue\`blue\`none)
update p:1.5 from n where n=\`x → 'type
delete from n where n=\`x → +\`n\`p!(\`y\`z\`z\`y;15 20 25 14)
delete p from n → +(,\`n)!,\`x\`y\`x\`z\`z\`y
{[x;y]select from ([]a:0 1;b:2 3) where a=x,b=y}[0;2] → +\`a\`b!(,0;,2)
{select from ([]a:0 1;b:2 3) where a=x,b=y}[0;2] → 'rank
select from ([]a:1 2) where a>$[1b;0;1] → 'rank
dat:2 5 4 1 7
grp:"abbac"
(sum;dat) fby grp → 3 9 9 3 7
(first;dat) fby grp → 2 5 5 2 7
`,
);

// [basics/funsql]
check(
  'functional forms',
  `
t:([]n:\`x\`y\`x\`z\`z\`y;p:0 15 12 20 25 14)
c:((>;\`p;0);(in;\`n;enlist \`x\`y))
b:(enlist \`name)!enlist \`n
a:\`m\`s!((max;\`p);(sum;\`p))
0!?[t;c;b;a] → +\`name\`m\`s!(\`s#\`x\`y;12 15;12 29)
?[t;();();\`n] → \`x\`y\`x\`z\`z\`y
?[t;();();\`n\`p!\`n\`p] → \`n\`p!(\`x\`y\`x\`z\`z\`y;0 15 12 20 25 14)
?[t;();\`n;\`p] → \`s#\`x\`y\`z!(0 12;15 14;20 25)
?[t;();0b;()]~t → 1b
u:([]a:1 2 3;b:4 5 6;c:7 9 0)
?[u;0 1 2;\`a] → 1 2 3
?[u;0 1;(last;\`a)] → 2
?[u;0 1 2;(*;(min;\`a);(avg;\`c))] → 5.333333
![t;enlist (>;\`p;0);(enlist \`n)!enlist \`n;(enlist \`p)!enlist (max;\`p)] → +\`n\`p!(\`x\`y\`x\`z\`z\`y;0 15 12 25 25 15)
w:([]c1:\`a\`b\`c;c2:\`x\`y\`z)
![w;();0b;enlist \`c2] → +(,\`c1)!,\`a\`b\`c
![w;enlist (=;\`c2; enlist \`y);0b;\`symbol$()] → +\`c1\`c2!(\`a\`c;\`x\`z)
`,
);

// [ref/insert], [ref/dict], [ref/lj], [ref/asc#xasc]
check(
  'tables',
  `
x:([]a:1 2 3;b:\`I\`J\`K;c:10 20 30)
y:([a:1 3;b:\`I\`K]c:1 2;d:10 20)
x lj y → +\`a\`b\`c\`d!(1 2 3;\`I\`J\`K;1 20 2;10 0N 20)
u:([] name:(); age:())
\`u insert (\`tom\`dick;30 40) → 0 1
u → +\`name\`age!(\`tom\`dick;30 40)
\`u insert (\`harry;1f) → 'type
\`b xasc ([]a:3 4 1;b:\`s\`d\`a) → +\`a\`b!(1 4 3;\`s#\`a\`d\`s)
t:([]name:\`Tom\`Dick\`Harry;age:34 42 17)
t[1;\`age] → 42
t[;\`age] → 34 42 17
t 1 → \`name\`age!(\`Dick;42)
t[\`age] → 34 42 17
t?(\`Dick;42) → 1
0!([k:1 2]v:3 4) → +\`k\`v!(1 2;3 4)
([k:1 2]v:3 4) 2 → (,\`v)!,4
1 2!3 → 'type
1 2!3 4 5 → 'length
type \`a\`b!1 2 → 99h
type (\`a\`b!1 2;\`a\`b!3 4) → 98h
`,
);
