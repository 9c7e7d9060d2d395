/** Text of a fixed-size C string field, or where in the field it stops being one. */
export type BoundedText =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'unprintable'; readonly at: number; readonly byte: number }
  | { readonly kind: 'unterminated' };

/**
 * Reads a C string of printable ASCII that ends within its field. What follows the NUL is not looked at. Total.
 * Source: C `char[n]` members of ESP-IDF's descriptions, which readers print up to the first NUL.
 */
export function readBoundedText(field: Buffer): BoundedText {
  const end = field.indexOf(0);
  const text = field.subarray(0, end === -1 ? field.length : end);
  const at = text.findIndex((byte) => byte < 0x20 || byte > 0x7e);
  if (at !== -1) return { kind: 'unprintable', at, byte: text.readUInt8(at) };
  return end === -1 ? { kind: 'unterminated' } : { kind: 'text', text: text.toString('latin1') };
}

/** True for text of printable ASCII only, the empty one included. */
export function isPrintableAscii(text: string): boolean {
  return /^[\x20-\x7e]*$/.test(text);
}
