import { FormatError } from '../errors/families.ts';
import { SECTOR_SIZE } from '../format/image-trailer.ts';
import { parsePartitionRow, ROW_SIZE } from '../format/partition-row.ts';
import { PARTITION_TABLE_SIZE, parsePartitionTable } from '../format/partition-table.ts';

/** CONFIG_PARTITION_TABLE_OFFSET, unless a larger bootloader moved it. */
export const DEFAULT_TABLE_OFFSET = 0x8000;
const LAST_TABLE_OFFSET = 0x40000;

export type TableSearch = {
  /** Flash offset of the first byte of the file. */
  readonly start: number;
  /** Flash offset that a table cannot lie below. */
  readonly from: number;
};

/**
 * The flash offset of the partition table in a full-flash image: 0x8000 when a row of a table can be read there, else
 * the first sector that holds one. Undefined when there is none. Total.
 */
export function findTable(flash: Buffer, { start, from }: TableSearch): number | undefined {
  if (from <= DEFAULT_TABLE_OFFSET && hasRow(flash, DEFAULT_TABLE_OFFSET - start)) {
    return DEFAULT_TABLE_OFFSET;
  }
  const first = Math.ceil(from / SECTOR_SIZE) * SECTOR_SIZE;
  for (let offset = first; offset <= LAST_TABLE_OFFSET; offset += SECTOR_SIZE) {
    if (isTable(flash, offset - start)) return offset;
  }
  return undefined;
}

function hasRow(flash: Buffer, at: number): boolean {
  const row = flash.subarray(at, at + ROW_SIZE);
  return row.length === ROW_SIZE && holds(() => parsePartitionRow(row, 0));
}

function isTable(flash: Buffer, at: number): boolean {
  return holds(() => parsePartitionTable(flash.subarray(at, at + PARTITION_TABLE_SIZE)));
}

function holds(parse: () => unknown): boolean {
  try {
    parse();
    return true;
  } catch (error) {
    if (error instanceof FormatError) return false;
    throw error;
  }
}
