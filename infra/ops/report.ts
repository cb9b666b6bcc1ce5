// What a command has to say: to people as text, to programs as JSON.

export type Cell = string | number | boolean | null | undefined;
export type Row = Readonly<Record<string, Cell>>;

export interface Report {
  /** What --json prints, beside the region. */
  readonly json: object;
  readonly text: string;
  /** 1: it failed, or something differs. */
  readonly exitCode: 0 | 1;
}

/** A table. `columns` says what people see of a record; without it they see all. */
export function listReport<T extends object>(
  records: readonly T[],
  columns?: Readonly<Record<string, (record: T) => Cell>>,
  exitCode: Report['exitCode'] = 0,
): Report {
  const shown = columns
    ? records.map((record) => Object.fromEntries(Object.entries(columns).map(([name, cell]) => [name, cell(record)])))
    : (records as readonly Row[]);
  return { json: { rows: records }, text: formatTable(shown), exitCode };
}

/** One record, a line per member; what is nested stands in lines of its own. */
export function recordReport(record: object, exitCode: Report['exitCode'] = 0): Report {
  return { json: { record }, text: formatRecord(record), exitCode };
}

/** One line per row, columns as wide as their widest cell; null is a dash. */
export function formatTable(rows: readonly Row[]): string {
  if (rows.length === 0) return 'none\n';
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const lines = [names, ...rows.map((row) => names.map((name) => String(row[name] ?? '–')))];
  const widths = names.map((_, i) => Math.max(...lines.map((line) => line[i]!.length)));
  return lines
    .map(
      (line) =>
        `${line
          .map((cell, i) => cell.padEnd(widths[i]!))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}

export function formatRecord(record: object, indent = ''): string {
  const entries = Object.entries(record);
  const width = Math.max(...entries.map(([name]) => name.length));
  return entries
    .map(([name, value]) => `${indent}${name.padEnd(width)}  ${formatValue(value, indent)}`.replace(/ +\n/, '\n'))
    .join('');
}

function formatValue(value: unknown, indent: string): string {
  const inner = `${indent}  `;
  if (Array.isArray(value) && value.length > 0 && value.every((each) => typeof each === 'object'))
    return `\n${formatTable(value.map(flat)).replaceAll(/^(?=.)/gm, inner)}`;
  if (Array.isArray(value)) return `${value.join(', ') || '–'}\n`;
  if (typeof value === 'object' && value !== null && Object.keys(value).length > 0)
    return `\n${formatRecord(value, inner)}`;
  if (typeof value === 'object' && value !== null) return '–\n';
  return `${value ?? '–'}\n`;
}

function flat(record: object): Row {
  const cells = Object.entries(record).map(([name, value]): [string, Cell] => [
    name,
    typeof value === 'object' && value !== null ? JSON.stringify(value) : value,
  ]);
  return Object.fromEntries(cells);
}
