import { open } from 'node:fs/promises';
import { FormatError } from '../errors/families.ts';
import { hex } from '../errors/hex.ts';

/** A zip in memory, or the path of one: the zip of a release with an ELF file is too large to be held beside it. */
export type Zip = Buffer | string;

/** Reads parts of a zip. */
export type ZipBytes = {
  /** Of the whole zip, in bytes. */
  readonly size: number;
  /** Exactly `length` bytes from `offset` on. Throws FormatError where the zip ends before that. */
  readonly read: (offset: number, length: number) => Promise<Buffer>;
};

/** Gives the bytes of a zip to `use`. Throws what the file system throws, and what `use` does. */
export async function withZipBytes<T>(zip: Zip, use: (bytes: ZipBytes) => Promise<T>): Promise<T> {
  if (typeof zip !== 'string') {
    const read = (offset: number, length: number): Promise<Buffer> =>
      Promise.resolve(requireAll(zip.subarray(offset, offset + length), offset, length));
    return use({ size: zip.length, read });
  }
  const file = await open(zip, 'r');
  try {
    const { size } = await file.stat();
    const read = async (offset: number, length: number): Promise<Buffer> => {
      // Never memory in proportion to a claimed length.
      const there = Math.max(0, Math.min(length, size - offset));
      const { buffer, bytesRead } = await file.read(Buffer.alloc(there), 0, there, offset);
      return requireAll(buffer.subarray(0, bytesRead), offset, length);
    };
    return await use({ size, read });
  } finally {
    await file.close();
  }
}

function requireAll(bytes: Buffer, offset: number, length: number): Buffer {
  if (bytes.length === length) return bytes;
  throw new FormatError(
    'TRUNCATED',
    `the zip ends at ${hex(offset + bytes.length)}; ${hex(length)} bytes were expected at ${hex(offset)}`,
    { where: { offset } },
  );
}
