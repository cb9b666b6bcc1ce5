import { ByteWriter, ParquetWriter } from 'hyparquet-writer';
import type { Bench } from '../bench.ts';
import { send } from '../ingest-load.ts';
import { type Measure, Measures } from '../measure.ts';
import { cpuSeconds } from '../processes.ts';
import { median } from '../statistics.ts';
import type { Target } from '../targets/target.ts';
import { bodies, rowsOf } from '../tsbs.ts';

const runs = 3;

interface Way {
  readonly name: string;
  /** What it gives is measured, and gives the seconds that it took. */
  readonly ready: (target: Target) => Promise<() => Promise<number>>;
}

interface Result {
  readonly rowsPerS: number;
  readonly cpuSPerMillion: number;
}

/** The rows of ingest as a file, in each format, beside the same rows as writes. */
export async function imports(bench: Bench): Promise<Measure[]> {
  const { data } = bench.options;
  const ready = [...bodies(data)];
  const rows = rowsOf(data);
  const table = tableOf(ready.map(({ body }) => body));
  const params = { series: 'cpu', tagColumns: table.tags };
  const types = Object.fromEntries(table.fields.map((name) => [name, 'long']));
  const file = (name: string, bytes: Buffer, given: object): Way => ({
    name,
    ready: (target) => target.upload!(bytes, { format: name, ...given }),
  });
  const ways: readonly Way[] = [
    { name: 'write', ready: async (target) => async () => (await send(target, ready)).seconds },
    file('line-protocol', Buffer.concat(ready.map(({ body }) => body)), {}),
    file('csv', csvOf(table), { ...params, types }),
    file('ndjson', ndjsonOf(table), { ...params, types }),
    file('parquet', parquetOf(table), params),
  ];
  const results = new Map<string, Result[]>();
  for (let run = 1; run <= runs; run++) {
    for (const start of bench.starts) {
      for (const way of ways) {
        await bench.withTarget(start, async (target) => {
          if (!target.upload) return;
          const go = await way.ready(target);
          const pids = target.pids();
          const beforeS = cpuSeconds(pids);
          const seconds = await bench.profiled(`imports-${way.name}`, [target], go);
          const result = { rowsPerS: rows / seconds, cpuSPerMillion: (cpuSeconds(pids) - beforeS) / (rows / 1e6) };
          const { rowsPerS, cpuSPerMillion } = result;
          bench.progress(
            `imports ${run}/${runs} ${way.name}: ${Math.round(rowsPerS)} rows/s, ${cpuSPerMillion.toFixed(1)} s CPU per million`,
          );
          const key = `${target.name}\n${way.name}`;
          results.set(key, [...(results.get(key) ?? []), result]);
        });
      }
    }
  }
  const measures = new Measures('imports');
  for (const [key, all] of results) {
    const [target, way] = key.split('\n') as [string, string];
    measures.add(target, `${way} rows`, '1/s', 'higher', median(all.map(({ rowsPerS }) => rowsPerS)));
    const cpu = median(all.map(({ cpuSPerMillion }) => cpuSPerMillion));
    measures.add(target, `${way} CPU per million rows`, 's', 'lower', cpu);
  }
  return measures.list();
}

interface Table {
  readonly tags: readonly string[];
  readonly fields: readonly string[];
  /** By row: time, tags, fields, as texts. */
  readonly rows: readonly (readonly string[])[];
}

/** Of lines without escapes, which all have the same names. */
function tableOf(texts: readonly Buffer[]): Table {
  let tags: string[] = [];
  let fields: string[] = [];
  const rows: string[][] = [];
  for (const text of texts) {
    for (const line of text.toString('latin1').trimEnd().split('\n')) {
      const [prefix, values, time] = line.split(' ') as [string, string, string];
      const given = prefix.split(',').slice(1);
      const numbers = values.split(',');
      if (rows.length === 0) {
        tags = given.map((pair) => pair.slice(0, pair.indexOf('=')));
        fields = numbers.map((pair) => pair.slice(0, pair.indexOf('=')));
      }
      rows.push([
        time,
        ...given.map((pair) => pair.slice(pair.indexOf('=') + 1)),
        ...numbers.map((pair) => pair.slice(pair.indexOf('=') + 1, -1)),
      ]);
    }
  }
  return { tags, fields, rows };
}

const rowsAtOnce = 10_000;

/** Text in pieces: one string would be longer than V8 allows. */
function textOf(rows: Table['rows'], line: (row: readonly string[]) => string): Buffer {
  const pieces: Buffer[] = [];
  for (let at = 0; at < rows.length; at += rowsAtOnce)
    pieces.push(
      Buffer.from(
        rows
          .slice(at, at + rowsAtOnce)
          .map(line)
          .join(''),
      ),
    );
  return Buffer.concat(pieces);
}

function csvOf({ tags, fields, rows }: Table): Buffer {
  const header = Buffer.from(`${['time', ...tags, ...fields].join(',')}\n`);
  return Buffer.concat([header, textOf(rows, (row) => `${row.join(',')}\n`)]);
}

function ndjsonOf({ tags, fields, rows }: Table): Buffer {
  const names = ['time', ...tags, ...fields].map((name) => JSON.stringify(name));
  return textOf(rows, (row) => {
    const cells = row.map((text, i) => `${names[i]}:${i > 0 && i <= tags.length ? JSON.stringify(text) : text}`);
    return `{${cells.join(',')}}\n`;
  });
}

function parquetOf({ tags, fields, rows }: Table): Buffer {
  const writer = new ByteWriter();
  const columns = [
    { name: 'time', type: 'INT64', data: rows.map(([time]) => BigInt(time!)) },
    ...tags.map((name, i) => ({ name, type: 'STRING', data: rows.map((row) => row[1 + i]!) })),
    ...fields.map((name, i) => ({ name, type: 'INT64', data: rows.map((row) => BigInt(row[1 + tags.length + i]!)) })),
  ] as const;
  const parquet = new ParquetWriter({
    writer,
    schema: [
      { name: 'root', num_children: columns.length },
      ...columns.map(({ name, type }) => ({
        name,
        type: type === 'INT64' ? ('INT64' as const) : ('BYTE_ARRAY' as const),
        ...(type === 'STRING' && { converted_type: 'UTF8' as const }),
        repetition_type: 'REQUIRED' as const,
      })),
    ],
  });
  parquet.write({ columnData: columns.map(({ name, data }) => ({ name, data })), rowGroupSize: 100_000 });
  parquet.finish();
  return Buffer.from(writer.getBytes());
}
