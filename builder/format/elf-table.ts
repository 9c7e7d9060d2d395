import { FormatError } from '../errors/families.ts';
import { hex } from '../errors/hex.ts';
import type { ByteReader } from './byte-reader.ts';

/** A table of the ELF file: where the ELF header says its offset and size of entries, and what that has to be. */
export type ElfTable = {
  readonly what: string;
  readonly offsetAt: number;
  readonly entrySizeAt: number;
  readonly entrySize: number;
};

/** From here on (SHN_LORESERVE), a count or an index means that the real one stands elsewhere. */
const EXTENDED_NUMBERING = 0xff00;
const ADDRESS_LIMIT = 0x100000000;

/**
 * Offsets of a table's `count` entries, all of which lie in the file. Throws FormatError where they do not, for another
 * size of entries, and for extended numbering. Source: System V ABI, "ELF Header".
 */
export function tableEntries(reader: ByteReader, table: ElfTable, count: number): number[] {
  const { what, offsetAt, entrySizeAt, entrySize } = table;
  if (count === 0 || count >= EXTENDED_NUMBERING) {
    throw new FormatError(
      'TOO_MANY',
      `the ELF file says that it has ${count} ${what}s; 1 to ${EXTENDED_NUMBERING - 1} were expected`,
      { where: { offset: offsetAt } },
    );
  }
  const stated = reader.u16(entrySizeAt);
  if (stated !== entrySize) {
    throw new FormatError(
      'BAD_VALUE',
      `a ${what} of this ELF file has ${stated} bytes; ${entrySize} were expected`,
      { where: { offset: entrySizeAt } },
    );
  }
  const offset = reader.u32(offsetAt);
  reader.slice(offset, count * entrySize);
  return Array.from({ length: count }, (_, index) => offset + index * entrySize);
}

/** A stretch of the file that a header names. */
export type ElfExtent = {
  readonly what: string;
  readonly offset: number;
  readonly size: number;
  /** Offset of the field that says so. */
  readonly at: number;
};

/** A view of a stretch of the file. Throws FormatError (TRUNCATED) where it leads out of the file. */
export function fileContents(reader: ByteReader, { what, offset, size, at }: ElfExtent): Buffer {
  if (offset + size > reader.length) {
    throw new FormatError(
      'TRUNCATED',
      `the ELF file is truncated: ${what} has ${hex(size)} bytes at ${hex(offset)}, the file ends at ${hex(reader.length)}`,
      { where: { offset: at }, hint: 'Build or copy the file again.' },
    );
  }
  return reader.slice(offset, size);
}

/** Throws FormatError when `size` bytes from `address` on leave the 32-bit address space; `at` is the field's offset. */
export function checkAddresses(what: string, address: number, size: number, at: number): void {
  if (address + size <= ADDRESS_LIMIT) return;
  throw new FormatError(
    'BAD_VALUE',
    `${what} has ${hex(size)} bytes from address ${hex(address, 8)} on, which is more than 32 bits can address`,
    { where: { offset: at } },
  );
}
