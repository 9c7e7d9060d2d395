import { isUtf8 } from 'node:buffer';

import { FormatError } from '../errors/families.ts';
import { hex } from '../errors/hex.ts';
import { isFilledWith } from './byte-reader.ts';

/**
 * One partition of the table: a row of 32 bytes, little-endian (ESP-IDF esp_flash_partitions.h,
 * esp_partition_info_t):
 *
 *   offset size field
 *    0      2   magic AA 50
 *    2      1   type
 *    3      1   subtype
 *    4      4   offset in flash
 *    8      4   size in bytes
 *   12     16   name, UTF-8, padded with NUL; 16 bytes need no NUL
 *   28      4   flags: bit 0 encrypted, bit 1 readonly
 */
export type Partition = {
  /** At most 16 bytes of UTF-8. */
  readonly name: string;
  readonly type: number;
  readonly subtype: number;
  /** Bytes from the start of flash. */
  readonly offset: number;
  /** Bytes. */
  readonly size: number;
  readonly encrypted: boolean;
  readonly readonly: boolean;
};

/** Bytes of a row. */
export const ROW_SIZE = 32;

const NAME_SIZE = 16;
const U32_MAX = 0xffff_ffff;
const ROW_MAGIC = Buffer.from([0xaa, 0x50]);
const FLAG_ENCRYPTED = 1;
const FLAG_READONLY = 2;

/**
 * Reads a row of 32 bytes that starts at `offset` of the table (esp_partition_info_t).
 * @throws FormatError with `where.offset` in the table: BAD_MAGIC, or BAD_VALUE for a flag bit that nobody has defined
 * yet and for a name that is not UTF-8 or has bytes after its NUL.
 */
export function parsePartitionRow(row: Buffer, offset: number): Partition {
  if (!row.subarray(0, 2).equals(ROW_MAGIC)) {
    throw new FormatError(
      'BAD_MAGIC',
      `partition table row at ${hex(offset)} starts with ${row.toString('hex', 0, 2)}; expected aa50 ` +
        '(a partition), ebeb (the MD5 row) or 32 bytes of 0xff (the end)',
      { where: { offset } },
    );
  }
  const flags = row.readUInt32LE(28);
  const unknown = flags - (flags & (FLAG_ENCRYPTED | FLAG_READONLY));
  if (unknown !== 0) {
    throw new FormatError(
      'BAD_VALUE',
      `partition table row at ${hex(offset)} has unknown flag bits ${hex(unknown, 8)}; ` +
        'known are 0x1 (encrypted) and 0x2 (readonly)',
      { where: { offset: offset + 28 } },
    );
  }
  return {
    name: parseName(row.subarray(12, 12 + NAME_SIZE), offset + 12),
    type: row.readUInt8(2),
    subtype: row.readUInt8(3),
    offset: row.readUInt32LE(4),
    size: row.readUInt32LE(8),
    encrypted: (flags & FLAG_ENCRYPTED) !== 0,
    readonly: (flags & FLAG_READONLY) !== 0,
  };
}

/**
 * Fills `row`, 32 bytes, with `partition` (esp_partition_info_t).
 * @throws FormatError BAD_VALUE for a name that does not fit or a number outside its field.
 */
export function encodePartitionRow(partition: Partition, row: Buffer): void {
  const { name, encrypted, readonly } = partition;
  const problem = partitionNameProblem(name);
  if (problem !== undefined) {
    throw new FormatError('BAD_VALUE', `partition name ${JSON.stringify(name)} ${problem}`);
  }
  row.fill(0);
  ROW_MAGIC.copy(row);
  row.writeUInt8(fieldOf(partition, 'type', 0xff), 2);
  row.writeUInt8(fieldOf(partition, 'subtype', 0xff), 3);
  row.writeUInt32LE(fieldOf(partition, 'offset', U32_MAX), 4);
  row.writeUInt32LE(fieldOf(partition, 'size', U32_MAX), 8);
  row.write(name, 12, 'utf8');
  row.writeUInt32LE((encrypted ? FLAG_ENCRYPTED : 0) | (readonly ? FLAG_READONLY : 0), 28);
}

/**
 * Why a partition cannot have this name, as the end of a sentence that starts with the name; undefined when it can.
 * gen_esp32part.py cuts longer names without a word, even inside a character.
 */
export function partitionNameProblem(name: string): string | undefined {
  const bytes = Buffer.from(name, 'utf8');
  if (bytes.toString('utf8') !== name) return 'holds half of a surrogate pair';
  if (bytes.includes(0)) return 'holds a NUL character';
  if (bytes.length > NAME_SIZE)
    return `takes ${bytes.length} bytes in UTF-8, ${NAME_SIZE} at most fit`;
  return undefined;
}

function parseName(field: Buffer, offset: number): string {
  const nul = field.indexOf(0);
  const name = nul === -1 ? field : field.subarray(0, nul);
  if (!isFilledWith(field.subarray(name.length), 0)) {
    throw new FormatError(
      'BAD_VALUE',
      `partition name at ${hex(offset)} has bytes after its NUL: ${field.toString('hex')}; ` +
        'the rest of the 16 bytes must be zero',
      { where: { offset: offset + name.length } },
    );
  }
  if (!isUtf8(name)) {
    throw new FormatError(
      'BAD_VALUE',
      `partition name at ${hex(offset)} is not valid UTF-8: ${field.toString('hex')}` +
        (nul === -1 ? ' (was a longer name cut at 16 bytes?)' : ''),
      { where: { offset } },
    );
  }
  return name.toString('utf8');
}

function fieldOf(
  partition: Partition,
  field: 'type' | 'subtype' | 'offset' | 'size',
  max: number,
): number {
  const value = partition[field];
  if (Number.isInteger(value) && value >= 0 && value <= max) return value;
  throw new FormatError(
    'BAD_VALUE',
    `partition ${JSON.stringify(partition.name)}: ${field} is ${value}; ` +
      `expected a whole number from 0 to ${hex(max)}`,
  );
}
