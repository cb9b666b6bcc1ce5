/** Bytes, as UTF-8, that a series, tag or field name may have. */
const maxNameBytes = 255;
/** Bytes of a tag value. */
export const maxTagValueBytes = 1024;
/** Bytes of a string field. */
export const maxStringBytes = 65_536;
export const maxFieldsPerSeries = 1024;
export const maxTagsPerSeries = 64;

/** Why a series, tag or field name is refused, or null. Control characters (NUL with them) would break q symbols and logs. */
export function nameFault(name: string): string | null {
  if (name.length === 0) return 'is empty';
  // Clients resolve them away in the path of a URL.
  if (name === '.' || name === '..') return 'cannot stand in a URL';
  if (/[\u0000-\u001f\u007f]/.test(name)) return 'has a control character';
  if (name.length > maxNameBytes / 4 && Buffer.byteLength(name) > maxNameBytes)
    return `is longer than ${maxNameBytes} bytes`;
  if (!name.isWellFormed()) return 'is not valid Unicode';
  return null;
}

/** As nameFault, for fields and tags: `time` is the time column. */
export function columnNameFault(name: string): string | null {
  return name === 'time' ? 'is the name of the time column' : nameFault(name);
}
