// A stream of text cut into chunks, each a whole number of records. Where they are cut depends on the text alone, never on how it arrives: the
// same chunk has the same number when an import goes on after a crash, and is known to the database by it.

import { CsvRecords } from '../../src/ingest/csv-record.ts';
import { LineRecords } from '../../src/ingest/line-record.ts';
import { Permanent } from '../kinds/kind.ts';

const newline = 10;
/** Whichever comes first. 10,000 rows of 200 bytes are 2 MB. */
const maxRows = 10_000;
const maxBytes = 2 * 1024 * 1024;
const maxRecordBytes = 8 * 1024 * 1024;

export type TextFormat = 'line-protocol' | 'csv' | 'ndjson';

/** Where a stream is, in the unpacked text. */
export interface Position {
  readonly offset: number;
  /** Number of the line that begins there. */
  readonly line: number;
  /** Number of the next chunk. */
  readonly chunk: number;
}

export interface Chunk {
  readonly bytes: Buffer;
  readonly at: Position;
  readonly next: Position;
}

interface Records {
  end(start: number): number;
}

export async function* chunksOf(
  text: AsyncIterable<Buffer>,
  { format, delimiter, from }: { format: TextFormat; delimiter: string; from: Position },
): AsyncGenerator<Chunk> {
  let at = from;
  let waiting: Buffer[] = [];
  let waitingBytes = 0;
  /** It is not looked at again before so much is there. */
  let wanted = maxBytes;
  const take = (bytes: Buffer): Chunk => {
    let line = at.line;
    for (let pos = bytes.indexOf(newline); pos >= 0; pos = bytes.indexOf(newline, pos + 1)) line++;
    const chunk = { bytes, at, next: { offset: at.offset + bytes.length, line, chunk: at.chunk + 1 } };
    at = chunk.next;
    return chunk;
  };
  for await (const more of text) {
    waiting.push(more);
    waitingBytes += more.length;
    if (waitingBytes < wanted) continue;
    let rest = Buffer.concat(waiting, waitingBytes);
    for (let end = cut(rest, format, delimiter); end > 0; end = cut(rest, format, delimiter)) {
      yield take(rest.subarray(0, end));
      rest = rest.subarray(end);
    }
    if (rest.length > maxRecordBytes + maxBytes)
      throw new Permanent(
        `from line ${at.line} on no record ends within ${maxRecordBytes} bytes; close its quotes, and end each row by a newline`,
      );
    waiting = [rest];
    waitingBytes = rest.length;
    wanted = rest.length + maxBytes;
  }
  let rest = Buffer.concat(waiting, waitingBytes);
  for (let end = cut(rest, format, delimiter); end > 0; end = cut(rest, format, delimiter)) {
    yield take(rest.subarray(0, end));
    rest = rest.subarray(end);
  }
  if (rest.length > 0) yield take(rest);
}

/** The length of a full chunk; 0 when there is none yet. */
function cut(bytes: Buffer, format: TextFormat, delimiter: string): number {
  const records = recordsOf(bytes, format, delimiter);
  let pos = 0;
  for (let rows = 0; rows < maxRows && pos < maxBytes; rows++) {
    // What is said of all that follows begins a chunk of its own.
    if (rows > 0 && format === 'line-protocol' && isSection(bytes, pos)) return pos;
    const end = records.end(pos);
    if (end < 0) return 0;
    pos = end + 1;
  }
  return pos;
}

function recordsOf(bytes: Buffer, format: TextFormat, delimiter: string): Records {
  if (format === 'csv') return new CsvRecords(bytes, delimiter.charCodeAt(0));
  if (format === 'line-protocol') return new LineRecords(bytes);
  return { end: (start) => bytes.indexOf(newline, start) };
}

const sectionStart = /^# (DDL|DML|CONTEXT-DATABASE)/;

/** A line of `influx_inspect export`: what follows makes databases, has points, or has points of another database. */
export function isSection(bytes: Buffer, start: number): boolean {
  return bytes[start] === 35 && sectionStart.test(bytes.toString('latin1', start, start + 20));
}
