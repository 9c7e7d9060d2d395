import { FormatError } from '../errors/families.ts';
import { hex } from '../errors/hex.ts';

/**
 * Little-endian reads that answer with a FormatError, never a RangeError. `what` names the structure in the message,
 * `base` is where `bytes` starts in the file that the reader of the message has at hand.
 */
export class ByteReader {
  readonly bytes: Buffer;
  readonly what: string;
  readonly base: number;

  constructor(bytes: Uint8Array, what: string, base = 0) {
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.what = what;
    this.base = base;
  }

  get length(): number {
    return this.bytes.length;
  }

  u8(offset: number): number {
    return this.slice(offset, 1).readUInt8(0);
  }

  u16(offset: number): number {
    return this.slice(offset, 2).readUInt16LE(0);
  }

  u32(offset: number): number {
    return this.slice(offset, 4).readUInt32LE(0);
  }

  /** A view (no copy) of `length` bytes at `offset`. */
  slice(offset: number, length: number): Buffer {
    if (offset < 0 || length < 0 || offset + length > this.bytes.length) {
      throw new FormatError(
        'TRUNCATED',
        `${this.what} is truncated: ${length} bytes were expected at ${hex(this.base + offset)}, ` +
          `it ends at ${hex(this.base + this.bytes.length)}`,
        { where: { offset: this.base + Math.min(offset, this.bytes.length) } },
      );
    }
    return this.bytes.subarray(offset, offset + length);
  }
}

/** True when every byte equals `value`; true for no bytes. */
export function isFilledWith(bytes: Uint8Array, value: number): boolean {
  for (const byte of bytes) if (byte !== value) return false;
  return true;
}

/** `value` rounded up to a multiple of `alignment`. */
export function alignUp(value: number, alignment: number): number {
  return Math.ceil(value / alignment) * alignment;
}
