// Runs a table of expressions: q text, and what the console form of its value is, as its page of code.kx.com has it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMachine, evaluate } from './interpreter.ts';
import { oneLine } from './text.ts';
import { Signal } from './values.ts';

/** Statements of one subject share a machine; a line without `→` only defines; what begins with ' is an error. */
export function check(subject: string, table: string): void {
  test(subject, () => {
    const machine = createMachine();
    for (const line of table.split('\n')) {
      if (line.trim() === '') continue;
      const [source, expected] = line.split(' → ').map((part) => part.trim()) as [string, string?];
      let shown: string;
      try {
        shown = oneLine(evaluate(machine, source));
      } catch (error) {
        if (!(error instanceof Signal)) throw new Error(source, { cause: error });
        shown = `'${error.text}`;
      }
      if (expected !== undefined) assert.equal(shown, expected, source);
      else assert.ok(!shown.startsWith("'"), `${source}: ${shown}`);
    }
  });
}
