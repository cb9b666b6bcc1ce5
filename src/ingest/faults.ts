// A refusal of the engine names a series and perhaps a field, a tag or a time: here it becomes one fault per line that gave it.

import { type ErrorCode, type PointFault, sentence } from '../base/errors.ts';
import type { InsertPart } from '../kdb/engine.ts';
import type { EngineError, EngineErrorCode } from '../kdb/engine-error.ts';
import type { Batch } from './batch.ts';
import { Faults, type FoundFaults } from './fault-list.ts';
import { withoutRows } from './part-rows.ts';

type Details = Readonly<Record<string, string>>;
/** Whether a point of the part is one that the engine means. */
type Meant = (row: number) => boolean;

/** Refusals that are about points, and which points of a part they mean; null: none. Others are about the whole request. */
const meantBy: Partial<Record<EngineErrorCode & ErrorCode, (part: InsertPart, details: Details) => Meant | null>> = {
  SeriesNotDefined: () => () => true,
  FieldNotDefined: (part, { field }) => givesField(part, field!),
  TagNotDefined: (part, { tag }) => givesTag(part, tag!),
  FieldTypeClash: (part, { field, have }) => givesOtherType(part, field!, have!),
  TagFieldClash: (part, { name }) => givesTag(part, name!) ?? givesField(part, name!),
  InvalidValue: (part, { field }) => givesField(part, field!),
  TimeOutOfRange:
    (part, { timeNs }) =>
    (row) =>
      `${part.timeNs[row]}` === timeNs,
};

/** The batch's faults after the engine refused it; null when the refusal is about the whole request. */
export function refusedPoints(batch: Batch, error: EngineError): FoundFaults | null {
  const faults = new Faults(undefined, batch);
  eachRefused(batch, error, (fault) => faults.add(fault));
  return faults.count === batch.faultCount ? null : faults.found;
}

/**
 * The batch without the points that the engine refused, which become faults of it, up to so many by name; null when the refusal is about the
 * whole request.
 */
export function withoutRefused(batch: Batch, error: EngineError, maxNamed?: number): Batch | null {
  const faults = new Faults(maxNamed, batch);
  const refused = batch.parts.map(({ row }) => new Uint8Array(row.length));
  eachRefused(batch, error, (fault, part, row) => {
    faults.add(fault);
    refused[part]![row] = 1;
  });
  if (faults.count === batch.faultCount) return null;
  return { ...withoutRows(batch, (part, row) => refused[part]![row] === 1), ...faults.found };
}

type AddRefused = (fault: PointFault, part: number, row: number) => void;

function eachRefused(batch: Batch, error: EngineError, add: AddRefused): void {
  const { details } = error;
  const code = error.code as EngineErrorCode & ErrorCode;
  const column = details['field'] ?? details['tag'] ?? details['name'];
  for (const [i, part] of batch.parts.entries()) {
    if (details['series'] !== undefined && details['series'] !== part.series) continue;
    const meant = meantBy[code]?.(part, details);
    if (!meant) continue;
    const message = sentence(code, details);
    for (const [row, line] of batch.lineNumbers[i]!.entries()) {
      if (!meant(row)) continue;
      add({ line, series: part.series, ...(column === undefined ? {} : { column }), code, message }, i, row);
    }
  }
}

function givesField(part: InsertPart, name: string): Meant | null {
  const field = part.fields.find((column) => column.name === name);
  if (field === undefined) return null;
  const { validity } = field;
  return validity === null ? () => true : (row) => validity[row] === 1;
}

function givesTag(part: InsertPart, name: string): Meant | null {
  const values = part.keys[part.tagNames.indexOf(name)];
  return values === undefined ? null : (row) => values[part.row[row]!] !== '';
}

/** JSON numbers clash with a long field only where they are no integers. */
function givesOtherType(part: InsertPart, name: string, have: string): Meant | null {
  const gives = givesField(part, name);
  const data = part.fields.find((column) => column.name === name)?.data;
  if (gives === null || data?.type !== 'number' || have !== 'long') return gives;
  return (row) => gives(row) && !Number.isSafeInteger(data.values[row]);
}
