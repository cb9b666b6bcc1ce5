const tab = 9;
const newline = 10;
const carriageReturn = 13;
const space = 32;
const quote = 34;
const numberSign = 35;
const equals = 61;
const backslash = 92;

/** Where the records of line protocol end: at a newline that is in no string. */
export class LineRecords {
  private readonly bytes: Buffer;
  /** The first quote from `searchedFrom` on; past the end when there is none. */
  private quoteAt = 0;
  private searchedFrom = Number.POSITIVE_INFINITY;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  /** The newline that ends the record at `start`; -1 when the bytes end before. */
  end(start: number): number {
    const end = this.bytes.indexOf(newline, start);
    if (end < 0 || this.nextQuote(start) > end || this.isComment(start)) return end;
    return this.endWithStrings(start);
  }

  private isComment(start: number): boolean {
    let pos = start;
    let byte = this.bytes[pos];
    while (byte === space || byte === tab || byte === carriageReturn) byte = this.bytes[++pos];
    return byte === numberSign;
  }

  /** Strings stand after an equals sign, and after the first space that is not escaped: in tags a quote is a character like others. */
  private endWithStrings(start: number): number {
    const { bytes } = this;
    let pos = start;
    while (bytes[pos] === space || bytes[pos] === tab || bytes[pos] === carriageReturn) pos++;
    for (; pos < bytes.length && bytes[pos] !== newline; pos++) {
      if (bytes[pos] === space && bytes[pos - 1] !== backslash) break;
    }
    for (; pos < bytes.length; pos++) {
      const byte = bytes[pos];
      if (byte === newline) return pos;
      if (byte !== quote || bytes[pos - 1] !== equals || bytes[pos - 2] === backslash) continue;
      pos = this.stringEnd(pos + 1);
      if (pos < 0) return -1;
    }
    return -1;
  }

  private stringEnd(start: number): number {
    const { bytes } = this;
    for (let pos = start; pos < bytes.length; pos++) {
      if (bytes[pos] === quote) return pos;
      if (bytes[pos] === backslash && (bytes[pos + 1] === quote || bytes[pos + 1] === backslash)) pos++;
    }
    return -1;
  }

  private nextQuote(from: number): number {
    if (from < this.searchedFrom || from > this.quoteAt) {
      const found = this.bytes.indexOf(quote, from);
      this.quoteAt = found < 0 ? this.bytes.length : found;
      this.searchedFrom = from;
    }
    return this.quoteAt;
  }
}
