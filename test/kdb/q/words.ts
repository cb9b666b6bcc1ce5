// Names that q has already.

/** .Q.res and the keys of .q [ref/]; by and from belong to the query templates. */
export const reserved: ReadonlySet<string> = new Set(
  `abs acos aj aj0 ajf ajf0 all and any asc asin asof atan attr avg avgs bin binr by ceiling cols cor cos count cov cross csv cut
  delete deltas desc dev differ distinct div do dsave each ej ema enlist eval except exec exit exp fby fills first fkeys flip floor
  from get getenv group gtime hclose hcount hdel hopen hsym iasc idesc if ij ijf in insert inter inv key keys last like lj ljf load
  log lower lsq ltime ltrim mavg max maxs mcount md5 mdev med meta min mins mmax mmin mmu mod msum neg next not null or over parse
  peach pj prd prds prev prior rand rank ratios raze read0 read1 reciprocal reval reverse rload rotate rsave rtrim save scan scov
  sdev select set setenv show signum sin sqrt ss ssr string sublist sum sums sv svar system tables tan til trim type uj ujf ungroup
  union update upper upsert value var view views vs wavg where while within wj wj1 wsum xasc xbar xcol xcols xdesc xexp xgroup xkey
  xlog xprev xrank`.split(/\s+/),
);

/** What a script may assign outside its own namespace [ref/dotz]. */
export const handlers: ReadonlySet<string> = new Set(
  '.z.ac .z.bm .z.exit .z.pc .z.pd .z.pg .z.ph .z.pi .z.pm .z.po .z.pp .z.pq .z.ps .z.pw .z.r .z.ts .z.vs .z.wc .z.wo .z.ws .z.zd'.split(
    ' ',
  ),
);

/** [ref/dotz] */
export const machine: ReadonlySet<string> = new Set([
  ...handlers,
  ...'.z.a .z.b .z.c .z.D .z.d .z.e .z.ex .z.ey .z.f .z.h .z.H .z.i .z.K .z.k .z.l .z.N .z.n .z.o .z.P .z.p .z.q .z.s .z.T .z.t .z.u .z.W .z.w .z.X .z.x .z.Z .z.z'.split(
    ' ',
  ),
]);

/** Without them a connection can have text evaluated, in one of its protocols [kb/firewalling]. */
export const lockedHandlers = ['.z.ac', '.z.pg', '.z.ph', '.z.pp', '.z.pq', '.z.ps', '.z.pw', '.z.ws'] as const;
