// A preload: the wall clock of this process is wrong, by what TSG_TEST_SKEW_MS says of its region. Other clocks are not touched.

const byRegion: Readonly<Record<string, number>> = JSON.parse(process.env['TSG_TEST_SKEW_MS'] ?? '{}');
const skewMs = byRegion[process.env['TSG_REGION'] ?? ''];

if (skewMs !== undefined) {
  const RealDate = Date;
  const now = (): number => RealDate.now() + skewMs;
  globalThis.Date = new Proxy(RealDate, {
    construct: (target, args, made) => Reflect.construct(target, args.length === 0 ? [now()] : args, made),
    apply: () => new RealDate(now()).toString(),
    get: (target, name, receiver) => (name === 'now' ? now : Reflect.get(target, name, receiver)),
  });
}
