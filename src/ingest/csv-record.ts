const newline = 10;
const quote = 34;

/**
 * Where the records of a CSV end: at a newline outside of quotes. A quote begins a quoted cell only where the cell begins; elsewhere it is a
 * character like others. Decoder and importer share this, or they would cut differently.
 */
export class CsvRecords {
  private readonly bytes: Buffer;
  private readonly delimiter: number;
  /** The first quote from `searchedFrom` on; past the end when there is none. */
  private quoteAt = 0;
  private searchedFrom = Number.POSITIVE_INFINITY;

  constructor(bytes: Buffer, delimiter: number) {
    this.bytes = bytes;
    this.delimiter = delimiter;
  }

  /** The newline that ends the record at `start`; -1 when the bytes end before. */
  end(start: number): number {
    const { bytes } = this;
    let pos = start;
    for (;;) {
      const end = bytes.indexOf(newline, pos);
      let quoted = this.nextQuote(pos);
      while (quoted < end && !this.opens(quoted, start)) quoted = this.nextQuote(quoted + 1);
      if (end >= 0 && end < quoted) return end;
      while (quoted < bytes.length && !this.opens(quoted, start)) quoted = this.nextQuote(quoted + 1);
      if (quoted >= bytes.length) return -1;
      const closing = this.closingQuote(quoted + 1);
      if (closing < 0) return -1;
      pos = closing + 1;
    }
  }

  /** The quote that ends a quoted cell whose text begins at `start`, or -1. Two quotes are one character. */
  closingQuote(start: number): number {
    const { bytes } = this;
    for (let pos = bytes.indexOf(quote, start); pos >= 0; pos = bytes.indexOf(quote, pos + 2)) {
      if (bytes[pos + 1] !== quote) return pos + 1 < bytes.length ? pos : -1;
    }
    return -1;
  }

  private opens(at: number, recordStart: number): boolean {
    return at === recordStart || this.bytes[at - 1] === this.delimiter;
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
