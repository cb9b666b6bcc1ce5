// Requests of Prometheus' remote write, byte by byte after the description of protocol buffers.

export interface PromSeries {
  readonly labels: Readonly<Record<string, string>> | readonly (readonly [name: string, value: string | Buffer])[];
  readonly samples: readonly (readonly [value: number | Buffer, timeMs: bigint])[];
  /** Exemplars and native histograms, of nothing. */
  readonly others?: number;
}

export function request(series: readonly PromSeries[]): Buffer {
  return Buffer.concat(series.map((each) => bytesField(1, seriesMessage(each))));
}

function seriesMessage({ labels, samples, others = 0 }: PromSeries): Buffer {
  const pairs = (Array.isArray(labels) ? labels : Object.entries(labels)) as [string, string][];
  return Buffer.concat([
    ...pairs.map(([name, value]) =>
      bytesField(1, Buffer.concat([bytesField(1, Buffer.from(name)), bytesField(2, Buffer.from(value))])),
    ),
    ...samples.map(([value, timeMs]) =>
      bytesField(
        2,
        Buffer.concat([varint(9), typeof value === 'number' ? double(value) : value, varint(0x10), varint(timeMs)]),
      ),
    ),
    ...Array.from({ length: others }, (_, i) => bytesField(3 + (i % 2), Buffer.alloc(0))),
  ]);
}

export function bytesField(number: number, bytes: Buffer): Buffer {
  return Buffer.concat([varint((number << 3) | 2), varint(bytes.length), bytes]);
}

export function varint(value: number | bigint): Buffer {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return Buffer.of(...bytes, Number(rest));
}

export function double(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return bytes;
}
