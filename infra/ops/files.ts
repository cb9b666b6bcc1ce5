// Points in and out of files.

import { randomUUID } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { basename } from 'node:path';
import { Option } from 'commander';
import { apiError } from '../../src/base/errors.ts';
import { uploadStream } from '../../src/base/objects/upload-stream.ts';
import { compressions, type ImportParams, type ImportSource, importFormats } from '../../src/ingest/import.ts';
import type { Database } from '../../src/management/records.ts';
import {
  defaultSplitBytes,
  type ExportCompression,
  type ExportFormat,
  type ExportParams,
  type ExportResult,
  exportCompressions,
  exportFolder,
  exportFormats,
  linkExpiresS,
  maxSplitBytes,
  maxSplitRows,
} from '../../src/tasks/export.ts';
import type { Commands } from './command.ts';
import { accountOption } from './databases.ts';
import { followTask } from './follow.ts';
import { names, pairs, wholeNumber } from './options.ts';
import { listReport, type Report } from './report.ts';
import type { Session } from './session.ts';
import { type AccountOption, findDatabase } from './subjects.ts';
import { type FollowOption, wishAndFollow, wishFor, withFollow } from './wish.ts';

const maxRejects = 1_000_000;

type ImportOptions = AccountOption &
  FollowOption &
  Omit<ImportParams, 'source' | 'types'> & { readonly types?: Readonly<Record<string, string[]>> };

interface ExportOptions extends AccountOption {
  readonly query?: Readonly<Record<string, string[]>>;
  readonly from?: string;
  readonly until?: string;
  readonly format?: ExportFormat;
  readonly compression?: ExportCompression;
  readonly splitRows?: number;
  readonly splitBytes?: number;
}

export function fileCommands(commands: Commands): void {
  commands.add<ImportOptions>(commands.program, {
    name: 'import <database> <source>',
    does: 'points of a file: one on this machine, https://…, or object:<name> below imports/<database id>/ of the object store',
    example: 'import plant cpu.csv.gz --account acme --series cpu --tag-columns host --follow',
    options: (command) =>
      withFollow(
        command
          .option(...accountOption)
          .addOption(new Option('--format <format>', 'what the file looks like when not given').choices(importFormats))
          .addOption(new Option('--compression <how>', 'likewise').choices(compressions))
          .addOption(
            new Option('--precision <unit>', 'of times that are numbers (ns)').choices(['ns', 'us', 'ms', 's']),
          )
          .option('--series <name>', 'that rows of CSV, Parquet and plain NDJSON belong to')
          .option('--time-column <name>', '(time)')
          .option('--time-format <format>', 'like %d.%m.%Y %H:%M:%S')
          .option('--tag-columns <names>', 'a,b,c', names)
          .option('--columns <names>', 'of a CSV without a header row', names)
          .option('--types <name=type>', 'float, long, boolean, string, number or skip; may be given again', pairs)
          .addOption(new Option('--delimiter <character>', 'of CSV').choices([',', ';', '|', '\t']))
          .option('--influx-database <name>', 'of an influx_inspect export')
          .option('--max-rejects <n>', 'bad rows that it may have (0)', wholeNumber(0, maxRejects))
          .option('--dry-run', 'only looks: columns and the first bad rows'),
      ),
    work: async (session, [wanted, source], options) => {
      const database = await findDatabase(session, wanted!, options);
      const { account: _account, follow: _follow, region: _region, json: _json, by: _by, types, ...rest } = options;
      const params = {
        ...rest,
        ...(types && { types: Object.fromEntries(Object.entries(types).map(([name, given]) => [name, given.at(-1)])) }),
      };
      const uploaded = existsSync(source!) ? await upload(session, database, source!) : undefined;
      const from: ImportSource = uploaded ? { object: uploaded.name } : sourceOf(source!);
      const report = await wishAndFollow(session, 'import', database, { ...params, source: from }, options);
      // A task that failed may be tried again; one that nobody looks at needs the file still.
      if (uploaded && options.follow && report.exitCode === 0) await session.objects.remove(uploaded.key);
      return report;
    },
  });

  commands.add<ExportOptions>(commands.program, {
    name: 'export <database> <series>',
    does: 'what a query gives, or a whole series, as files of the object store; looks on, then shows their addresses (good for an hour)',
    example: "export plant cpu --account acme --from -28d --query 'where=host=a' --format parquet",
    options: (command) =>
      command
        .option(...accountOption)
        .option('--from <time>', 'as in a query')
        .option('--until <time>', 'as in a query')
        .option('--query <name=value>', 'any other parameter of a query; may be given again', pairs)
        .addOption(new Option('--format <format>', '(csv)').choices(exportFormats))
        .addOption(new Option('--compression <how>', 'none; of Parquet zstd').choices(exportCompressions))
        .option('--split-rows <n>', 'a file ends after so many', wholeNumber(1, maxSplitRows))
        .option('--split-bytes <n>', `or so many bytes (${defaultSplitBytes})`, wholeNumber(1, maxSplitBytes)),
    work: async (session, [wanted, series], options) => {
      const database = await findDatabase(session, wanted!, options);
      const task = await wishFor(session, 'export', database, exportParams(session, series!, options));
      const report = await followTask(session, task.id);
      const ended = await session.management.tasks.getTask(task.id);
      if (report.exitCode !== 0 || ended?.state !== 'succeeded') return report;
      return filesReport(session, database, task.id, ended.result as ExportResult);
    },
  });
}

function sourceOf(source: string): ImportSource {
  if (source.startsWith('https://')) return { url: source };
  if (source.startsWith('object:')) return { object: source.slice('object:'.length) };
  throw apiError('InvalidRequest', { reason: `${source} is no file here, no https:// address and no object:<name>` });
}

async function upload(session: Session, { id }: Database, path: string): Promise<{ name: string; key: string }> {
  const name = `ops-${randomUUID()}/${basename(path)
    .replaceAll(/[^\w.=-]/g, '_')
    .slice(-200)}`;
  const key = `imports/${id}/${name}`;
  await uploadStream(session.objects, key, createReadStream(path), session.signal);
  return { name, key };
}

function exportParams(session: Session, series: string, options: ExportOptions): ExportParams {
  const { format = 'csv', splitRows = maxSplitRows, splitBytes = defaultSplitBytes, from, until } = options;
  const { compression = format === 'parquet' ? 'zstd' : 'none' } = options;
  const more = Object.entries(options.query ?? {}).map(([name, values]) => [
    name,
    values.length === 1 ? values[0] : values,
  ]);
  const query = {
    ...Object.fromEntries(more),
    ...(from !== undefined && { from }),
    ...(until !== undefined && { until }),
  };
  const nowNs = String(BigInt(session.management.clock()) * 1_000_000n);
  return { series, query, nowNs, format, compression, splitRows, splitBytes };
}

async function filesReport(
  session: Session,
  database: Database,
  taskId: string,
  result: ExportResult,
): Promise<Report> {
  const folder = exportFolder(database.id, taskId);
  const files = await Promise.all(
    result.files.map(async (file) => {
      const url = await session.objects.link(`${folder}/${file.name}`, { fileName: file.name, expiresS: linkExpiresS });
      return { ...file, key: `${folder}/${file.name}`, url };
    }),
  );
  const shown = listReport(files, {
    file: ({ name }) => name,
    rows: ({ rows }) => rows,
    bytes: ({ bytes }) => bytes,
    url: ({ url }) => url,
  });
  return { ...shown, json: { task: taskId, rows: files } };
}
