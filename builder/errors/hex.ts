/** `0x1a1000`: how offsets, sizes and addresses are written in every message and report. */
export function hex(value: number, digits = 0): string {
  return `0x${value.toString(16).padStart(digits, '0')}`;
}
