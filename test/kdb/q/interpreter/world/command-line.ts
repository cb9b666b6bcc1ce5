// q [file] [-option …] [basics/cmdline]. Options of one letter are q's own and not in .z.x [ref/dotz#zx].

const taking: Readonly<Record<string, number>> = {
  b: 0,
  c: 2,
  C: 2,
  e: 1,
  E: 1,
  g: 1,
  l: 0,
  L: 0,
  m: 1,
  o: 1,
  p: 1,
  P: 1,
  q: 0,
  r: 1,
  s: 1,
  S: 1,
  t: 1,
  T: 1,
  u: 1,
  U: 1,
  w: 1,
  W: 1,
  z: 1,
};

export interface CommandLine {
  readonly file: string | undefined;
  /** .z.x */
  readonly rest: readonly string[];
  readonly options: ReadonlyMap<string, readonly string[]>;
}

export function readCommandLine(given: readonly string[]): CommandLine {
  const isFile = given.length > 0 && !given[0]!.startsWith('-');
  const rest: string[] = [];
  const options = new Map<string, readonly string[]>();
  for (let i = isFile ? 1 : 0; i < given.length; i++) {
    const letter = /^-([A-Za-z])$/.exec(given[i]!)?.[1];
    const count = letter === undefined ? undefined : taking[letter];
    if (count === undefined) rest.push(given[i]!);
    else {
      options.set(letter!, given.slice(i + 1, i + 1 + count));
      i += count;
    }
  }
  return { file: isFile ? given[0] : undefined, rest, options };
}
