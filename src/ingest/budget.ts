import { apiError } from '../base/errors.ts';

/** Series and fields of one request: each costs about 2 KB, however few points it has. */
const maxColumns = 100_000;
/**
 * Points times fields and tag sets times tags, over all series of one request. Columns are dense, so a request whose points each give another
 * one of many fields takes room with the square of its size: 9 bytes a cell, 150 MB here. A larger body gets a cell per byte, which is more
 * than a body without gaps needs.
 */
const minCells = 16 * 1024 * 1024;

/** What one request may make us allocate. */
export class Budget {
  /** How far into the body its decoder is; before the first point, where that ends, when it is known. */
  position = 0;
  private readonly bodyBytes: number;
  private readonly maxCells: number;
  private columns = 0;
  private cells = 0;

  constructor(bodyBytes: number) {
    this.bodyBytes = bodyBytes;
    this.maxCells = Math.max(minCells, bodyBytes);
  }

  takeColumn(): void {
    if (++this.columns <= maxColumns) return;
    throw apiError('InvalidPoints', {
      reason: `more than ${maxColumns} series and fields in one request; send fewer at a time`,
    });
  }

  takeCells(count: number, series: string): void {
    this.cells += count;
    if (this.cells <= this.maxCells) return;
    throw apiError('InvalidPoints', {
      reason: `series ${series} has many fields or tags of which each point gives few; send fewer points in one request`,
    });
  }

  /**
   * Room for a column that has no more of it: for what the whole body brings when it goes on as it began, in steps. At least 8 rows: up to there
   * V8 keeps a typed array on its heap, which takes a tenth of the time.
   */
  capacity(rows: number, capacity: number): number {
    const expected = Math.ceil((rows * this.bodyBytes * 1.02) / (this.position + 1));
    return Math.max(rows, 8, Math.ceil(1.5 * capacity), Math.min(expected, Math.max(128, 16 * capacity)));
  }
}
