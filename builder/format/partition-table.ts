import { createHash } from 'node:crypto';

import { FormatError } from '../errors/families.ts';
import { hex } from '../errors/hex.ts';
import { ByteReader, isFilledWith } from './byte-reader.ts';
import {
  encodePartitionRow,
  parsePartitionRow,
  ROW_SIZE,
  type Partition,
} from './partition-row.ts';

export type { Partition } from './partition-row.ts';

/**
 * Binary partition table (ESP-IDF esp_flash_partitions.h, gen_esp32part.py), 0xC00 bytes:
 *
 *   a row of 32 bytes for each partition
 *   optionally the MD5 row: EB EB, 14 x FF, MD5 of all rows before it
 *   the end marker: 32 x FF, and then FF to the end
 */
export type PartitionTable = {
  readonly partitions: readonly Partition[];
  readonly md5: 'valid' | 'absent';
  /** Bytes that the rows take, the MD5 row and the end marker included. */
  readonly lengthBytes: number;
};

/** Bytes of a table without the room for a Secure Boot V1 signature (ESP_PARTITION_TABLE_MAX_LEN). */
export const PARTITION_TABLE_SIZE = 0xc00;

/** Partitions that fit with an MD5 row and an end marker; without the MD5 row it is one more. */
export const MAX_PARTITIONS = PARTITION_TABLE_SIZE / ROW_SIZE - 2;

const MD5_MAGIC = Buffer.from([0xeb, 0xeb]);
const MD5_DIGEST_OFFSET = 16;

/**
 * Reads a table of at most 0xC00 bytes; what `bytes` holds after that (a Secure Boot V1 signature, the next sector)
 * is not looked at. Layout rules (overlaps, alignment, otadata) are not judged here. Stricter than gen_esp32part.py
 * and flash_partitions.c where those let pass what they then read differently.
 * @throws FormatError with `where.offset` for anything that is not such a table, an empty one included.
 */
export function parsePartitionTable(bytes: Uint8Array): PartitionTable {
  const reader = new ByteReader(bytes.subarray(0, PARTITION_TABLE_SIZE), 'partition table');
  const partitions: Partition[] = [];
  let md5: PartitionTable['md5'] = 'absent';
  let offset = 0;
  for (; !isFilledWith(rowAt(reader, offset), 0xff); offset += ROW_SIZE) {
    const row = rowAt(reader, offset);
    if (isMd5Row(row)) {
      if (md5 === 'valid') {
        throw badValue(
          `partition table has a second MD5 row at ${hex(offset)}; only one is allowed`,
          offset,
        );
      }
      checkMd5Row(row, offset, reader.slice(0, offset));
      md5 = 'valid';
    } else {
      partitions.push(parsePartitionRow(row, offset));
      if (md5 === 'valid') throw partitionAfterMd5(offset);
    }
  }
  if (partitions.length === 0) {
    const found = md5 === 'valid' ? 'the MD5 row' : 'the end marker (erased flash?)';
    throw badValue(`partition table is empty: its first row is ${found}, not a partition`, 0);
  }
  const lengthBytes = offset + ROW_SIZE;
  checkPadding(reader.bytes, lengthBytes);
  return { partitions, md5, lengthBytes };
}

/**
 * Writes `partitions` in the order given: always 0xC00 bytes, padded with 0xFF, as gen_esp32part.py does. `md5: false`
 * leaves the MD5 row out (its `--disable-md5sum`).
 * @throws FormatError for no or too many partitions, a name that does not fit, or a number outside its field.
 */
export function encodePartitionTable(
  partitions: readonly Partition[],
  options: { readonly md5?: boolean } = {},
): Buffer {
  const withMd5 = options.md5 ?? true;
  const limit = withMd5 ? MAX_PARTITIONS : MAX_PARTITIONS + 1;
  if (partitions.length === 0) {
    throw new FormatError('BAD_VALUE', 'partition table without partitions: give at least one');
  }
  if (partitions.length > limit) {
    throw new FormatError(
      'TOO_MANY',
      `${partitions.length} partitions do not fit: a partition table ` +
        `${withMd5 ? 'with an' : 'without'} MD5 row holds ${limit} at most`,
      { details: { count: partitions.length, limit } },
    );
  }
  const table = Buffer.alloc(PARTITION_TABLE_SIZE, 0xff);
  partitions.forEach((partition, index) => {
    encodePartitionRow(partition, table.subarray(index * ROW_SIZE, (index + 1) * ROW_SIZE));
  });
  if (withMd5) {
    const end = partitions.length * ROW_SIZE;
    MD5_MAGIC.copy(table, end);
    md5Of(table.subarray(0, end)).copy(table, end + MD5_DIGEST_OFFSET);
  }
  return table;
}

function rowAt(reader: ByteReader, offset: number): Buffer {
  if (offset + ROW_SIZE <= reader.length) return reader.slice(offset, ROW_SIZE);
  if (reader.length === PARTITION_TABLE_SIZE) {
    throw new FormatError(
      'TOO_MANY',
      `partition table has no end marker: all ${PARTITION_TABLE_SIZE / ROW_SIZE} rows up to ` +
        `${hex(PARTITION_TABLE_SIZE)} are in use, the last must be 32 bytes of 0xff`,
      { where: { offset: offset - ROW_SIZE } },
    );
  }
  throw new FormatError(
    'TRUNCATED',
    `partition table ends at ${hex(reader.length)} without an end marker: another row of 32 bytes ` +
      `was expected at ${hex(offset)}, and the last one to be all 0xff`,
    { where: { offset: reader.length } },
  );
}

function isMd5Row(row: Buffer): boolean {
  return row.subarray(0, MD5_MAGIC.length).equals(MD5_MAGIC);
}

function checkMd5Row(row: Buffer, offset: number, rowsBefore: Buffer): void {
  if (!isFilledWith(row.subarray(MD5_MAGIC.length, MD5_DIGEST_OFFSET), 0xff)) {
    throw badValue(
      `MD5 row at ${hex(offset)} starts with ${row.toString('hex', 0, MD5_DIGEST_OFFSET)}; ` +
        'expected ebeb and 14 bytes of 0xff',
      offset,
    );
  }
  const found = row.subarray(MD5_DIGEST_OFFSET);
  const computed = md5Of(rowsBefore);
  if (!found.equals(computed)) {
    throw new FormatError(
      'BAD_DIGEST',
      `MD5 of the partition table does not match: the MD5 row at ${hex(offset)} holds ` +
        `${found.toString('hex')}, the rows before it give ${computed.toString('hex')}`,
      { where: { offset: offset + MD5_DIGEST_OFFSET } },
    );
  }
}

// flash_partitions.c counts the rows on both sides of the MD5 row, bootloader_utility.c then walks that many from the
// first: the MD5 row among them, the last partition not.
function partitionAfterMd5(offset: number): FormatError {
  return badValue(
    `partition table has a partition at ${hex(offset)}, after its MD5 row: the MD5 does not cover it, and ` +
      'the bootloader would take the MD5 row for a partition and drop the last real one; ' +
      'only the end marker may follow the MD5 row',
    offset,
  );
}

function checkPadding(bytes: Buffer, from: number): void {
  const at = bytes.findIndex((byte, index) => index >= from && byte !== 0xff);
  if (at === -1) return;
  throw new FormatError(
    'TRAILING_DATA',
    `partition table has data at ${hex(at)}, after its end marker: only 0xff may follow ` +
      `up to ${hex(PARTITION_TABLE_SIZE)}`,
    { where: { offset: at } },
  );
}

function md5Of(bytes: Uint8Array): Buffer {
  return createHash('md5').update(bytes).digest();
}

function badValue(message: string, offset: number): FormatError {
  return new FormatError('BAD_VALUE', message, { where: { offset } });
}
