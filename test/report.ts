import type { TestEvent } from 'node:test/reporters';
import { inspect } from 'node:util';

export interface Totals {
  passed: number;
  failed: number;
  skipped: number;
}

interface FileReport {
  readonly totals: Totals;
  /** For the terminal: one line, and what failed with the output of the file when something did. */
  readonly lines: readonly string[];
}

/** From all events of one test file, in their order. */
export function reportFile(name: string, events: readonly TestEvent[], durationMs: number): FileReport {
  const totals: Totals = { passed: 0, failed: 0, skipped: 0 };
  const path: string[] = [];
  const faults: string[] = [];
  let output = '';
  for (const { type, data } of events) {
    if (type === 'test:start') path.splice(data.nesting, Number.POSITIVE_INFINITY, data.name);
    else if (type === 'test:stdout' || type === 'test:stderr') output += data.message;
    else if (type === 'test:fail') {
      totals.failed++;
      const error = data.details.error as Error & { failureType?: string };
      if (error.failureType !== 'subtestsFailed')
        faults.push(`✖ ${[...path.slice(0, data.nesting), data.name].join(' › ')}\n${inspect(error.cause ?? error)}`);
    } else if (type === 'test:pass' && data.details.type !== 'suite')
      totals[data.skip === undefined ? 'passed' : 'skipped']++;
  }
  const skipped = totals.skipped > 0 ? `, ${totals.skipped} skipped` : '';
  const counts =
    totals.failed > 0 ? `${totals.failed} of ${totals.passed + totals.failed} failed` : `${totals.passed} passed`;
  const line = `${totals.failed > 0 ? '✖' : '✔'} ${name}: ${counts}${skipped} (${(durationMs / 1000).toFixed(1)} s)`;
  if (totals.failed === 0) return { totals, lines: [line] };
  return {
    totals,
    lines: [line, ...faults.map(indented), ...(output ? [indented(`output of ${name}\n${output.trimEnd()}`)] : [])],
  };
}

function indented(text: string): string {
  return text.replace(/^(?=.)/gm, '    ');
}
