// Parquet by hand, byte by byte: what no writer would write. Thrift's compact protocol.

type Field = readonly [id: number, type: number, value: Buffer];

export const types = { i32: 5, i64: 6, binary: 8, list: 9, struct: 12 } as const;

export function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return Buffer.from([...bytes, rest]);
}

export function zigzag(value: number): Buffer {
  return varint(value < 0 ? -2 * value - 1 : 2 * value);
}

export function text(value: string): Buffer {
  return Buffer.concat([varint(value.length), Buffer.from(value)]);
}

export function list(type: number, items: readonly Buffer[], claimed = items.length): Buffer {
  return Buffer.concat([Buffer.from([0xf0 | type]), varint(claimed), ...items]);
}

export function struct(fields: readonly Field[]): Buffer {
  const bytes: Buffer[] = [];
  let last = 0;
  for (const [id, type, value] of fields) {
    bytes.push(Buffer.from([((id - last) << 4) | type]), value);
    last = id;
  }
  return Buffer.concat([...bytes, Buffer.from([0])]);
}

const i32 = (id: number, value: number): Field => [id, types.i32, zigzag(value)];
const i64 = (id: number, value: number): Field => [id, types.i64, zigzag(value)];

export interface CraftedPage {
  /** 0 data, 2 dictionary. */
  readonly kind?: 0 | 2;
  readonly values: number;
  /** 0 plain, 2 dictionary, 5 differences, 7 texts that grow. */
  readonly encoding?: number;
  readonly bytes: Buffer;
  /** When it is not their length. */
  readonly unpackedBytes?: number;
}

function page({ kind = 0, values, encoding = 0, bytes, unpackedBytes = bytes.length }: CraftedPage): Buffer {
  const about = struct([i32(1, values), i32(2, encoding), ...(kind === 0 ? [i32(3, 3), i32(4, 3)] : [])]);
  const header = struct([
    i32(1, kind),
    i32(2, unpackedBytes),
    i32(3, bytes.length),
    [kind === 0 ? 5 : 7, types.struct, about],
  ]);
  return Buffer.concat([header, bytes]);
}

export interface CraftedColumn {
  readonly name: string;
  /** 2 INT64, 6 BYTE_ARRAY. */
  readonly type: number;
  readonly pages: readonly CraftedPage[];
  /** 0 none, 1 snappy. */
  readonly codec?: number;
}

/** One row group of columns that are required. */
export function parquetOf(columns: readonly CraftedColumn[], rows: number): Buffer {
  const bytes: Buffer[] = [Buffer.from('PAR1')];
  let at = 4;
  const chunks = columns.map(({ name, type, pages, codec = 0 }) => {
    const data = Buffer.concat(pages.map(page));
    const meta = struct([
      i32(1, type),
      [2, types.list, list(types.i32, [zigzag(0)])],
      [3, types.list, list(types.binary, [text(name)])],
      i32(4, codec),
      i64(5, rows),
      i64(6, data.length),
      i64(7, data.length),
      i64(9, at),
    ]);
    bytes.push(data);
    at += data.length;
    return struct([i64(2, 4), [3, types.struct, meta]]);
  });
  const schema = [
    struct([[4, types.binary, text('root')], i32(5, columns.length)]),
    ...columns.map(({ name, type }) => struct([i32(1, type), i32(3, 0), [4, types.binary, text(name)]])),
  ];
  const group = struct([[1, types.list, list(types.struct, chunks)], i64(2, at), i64(3, rows)]);
  const footer = struct([
    i32(1, 1),
    [2, types.list, list(types.struct, schema)],
    i64(3, rows),
    [4, types.list, list(types.struct, [group])],
  ]);
  return withFooter(Buffer.concat(bytes), footer);
}

export function withFooter(data: Buffer, footer: Buffer, claimedBytes = footer.length): Buffer {
  const end = Buffer.alloc(8, 'PAR1');
  end.writeUInt32LE(claimedBytes, 0);
  end.write('PAR1', 4, 'latin1');
  return Buffer.concat([data, footer, end]);
}
