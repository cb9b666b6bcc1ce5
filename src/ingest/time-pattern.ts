import { parseIsoNs } from '../base/time.ts';

/** By directive, as strftime has them: what it matches. %f: 1 to 9 digits of a fraction. %z: Z, +01, +0100 or +01:00. */
const directives: Readonly<Record<string, string>> = {
  Y: '(?<Y>\\d{4})',
  m: '(?<m>\\d{1,2})',
  d: '(?<d>\\d{1,2})',
  H: '(?<H>\\d{1,2})',
  M: '(?<M>\\d{1,2})',
  S: '(?<S>\\d{1,2})',
  f: '(?<f>\\d{1,9})',
  z: '(?<z>Z|[+-]\\d\\d(?::?\\d\\d)?)',
  '%': '%',
};

/** Reads times written in one way; gives undefined for others. Without %z they are UTC. Throws a SyntaxError for a pattern that cannot be read. */
export function timePattern(pattern: string): (text: string) => bigint | undefined {
  const form = pattern.replace(/%(.?)|[\\^$.*+?()[\]{}|/-]/g, (text, directive?: string) => {
    if (directive === undefined) return `\\${text}`;
    const known = directives[directive];
    if (known === undefined) throw new SyntaxError(`%${directive} is not one of %Y %m %d %H %M %S %f %z %%`);
    return known;
  });
  if (!['(?<Y>', '(?<m>', '(?<d>'].every((part) => form.includes(part)))
    throw new SyntaxError('it needs %Y, %m and %d');
  const matcher = new RegExp(`^${form}$`);
  return (text) => {
    const { Y, m, d, H = '0', M = '0', S = '0', f = '0', z = 'Z' } = matcher.exec(text)?.groups ?? {};
    if (Y === undefined) return undefined;
    const [month, day, hour, minute, second] = [m!, d!, H, M, S].map((part) => part.padStart(2, '0'));
    return parseIsoNs(`${Y}-${month}-${day}T${hour}:${minute}:${second}.${f}${z}`);
  };
}
