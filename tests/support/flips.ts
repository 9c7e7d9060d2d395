/** The bit to flip in the byte at an offset: one of the eight, always the same one for an offset. */
export function bitAt(offset: number): number {
  return 1 << (Math.imul(offset + 1, 0x9e3779b1) >>> 29);
}
