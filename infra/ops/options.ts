// Options and arguments that are more than text.

import { InvalidArgumentError } from 'commander';

export function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const number = Number(text);
    if (!/^\d+$/.test(text) || number < least || number > most)
      throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`);
    return number;
  };
}

/** `a,b,c`. */
export function names(text: string): string[] {
  return text.split(',').filter(Boolean);
}

/** `name=value`, given again for more of them. */
export function pairs(text: string, before: Readonly<Record<string, string[]>> = {}): Record<string, string[]> {
  const [, name, value] = /^([\w.-]+)=(.*)$/s.exec(text) ?? [];
  if (name === undefined) throw new InvalidArgumentError('It must be name=value.');
  return { ...before, [name]: [...(before[name] ?? []), value!] };
}

/** An ISO time to come. */
export function futureTime(text: string): string {
  const ms = Date.parse(text);
  if (!(ms > Date.now())) throw new InvalidArgumentError('It must be an ISO 8601 time in the future.');
  return new Date(ms).toISOString();
}
