import { FormatError } from '../errors/families.ts';
import { hex } from '../errors/hex.ts';
import { alignUp } from './byte-reader.ts';
import type { CsvRow } from './partition-csv-row.ts';
import type { Partition } from './partition-row.ts';
import {
  BOOTLOADER_TYPE,
  offsetAlignment,
  PARTITION_TABLE_TYPE,
  PRIMARY_SUBTYPE,
  RECOVERY_SUBTYPE,
} from './partition-types.ts';

/** A partition with its place in flash and the line of the CSV that it comes from. */
export type PlacedPartition = Partition & { readonly line: number };

/** Flash offsets in bytes; the bootloaders' are needed only for CSV rows of type bootloader. */
type PlacementOptions = {
  readonly tableOffset: number;
  readonly primaryBootloaderOffset?: number;
  readonly recoveryBootloaderOffset?: number;
};

// The table occupies a whole flash sector.
const TABLE_SECTOR_SIZE = 0x1000;
const U32_MAX = 0xffff_ffff;

/**
 * Gives every row its offset and size, by gen_esp32part.py's rules: a cursor starts after the table's sector and moves
 * to the end of each row; a row without offset goes to the cursor, rounded up to its type's alignment; a row with one
 * must not be below the cursor, so rows are in ascending order. The rows of the primary bootloader and of the primary
 * table describe what is there already and do not move the cursor.
 * @throws FormatError CSV_OVERLAP or CSV_SYNTAX with `where.line`.
 */
export function placePartitions(
  rows: readonly CsvRow[],
  options: PlacementOptions,
): readonly PlacedPartition[] {
  const placed: PlacedPartition[] = [];
  const inOrder: PlacedPartition[] = [];
  let cursor = options.tableOffset + TABLE_SECTOR_SIZE;
  for (const row of rows) {
    const offset = givenOffset(row, options) ?? alignUp(cursor, offsetAlignment(row.type));
    if (offset > U32_MAX) throw rowError(row, `would start at ${hex(offset)}, past 32 bits`);
    const partition = partitionOf(row, offset, sizeOf(row, offset, options));
    placed.push(partition);
    if (isPrimary(row)) continue;
    if (offset < cursor) throw belowCursor(partition, inOrder, cursor, options.tableOffset);
    inOrder.push(partition);
    cursor = offset + partition.size;
  }
  return placed;
}

function isPrimary({ type, subtype }: CsvRow): boolean {
  return (type === BOOTLOADER_TYPE || type === PARTITION_TABLE_TYPE) && subtype === PRIMARY_SUBTYPE;
}

function givenOffset(row: CsvRow, options: PlacementOptions): number | undefined {
  if (row.type === BOOTLOADER_TYPE && row.subtype === PRIMARY_SUBTYPE) {
    return primaryBootloaderOffset(row, options);
  }
  if (row.type === BOOTLOADER_TYPE && row.subtype === RECOVERY_SUBTYPE) {
    if (options.recoveryBootloaderOffset !== undefined) return options.recoveryBootloaderOffset;
    throw rowError(row, 'is a recovery bootloader; the recovery bootloader offset must be given');
  }
  return isPrimary(row) ? options.tableOffset : row.offset;
}

function sizeOf(row: CsvRow, offset: number, options: PlacementOptions): number {
  const { size } = row;
  switch (size.kind) {
    case 'bytes':
      return size.bytes;
    case 'endsAt':
      if (size.address >= offset) return size.address - offset;
      throw rowError(
        row,
        `starts at ${hex(offset)}, but its size column says that it ends at ${hex(size.address)}; ` +
          `a negative size is the address where the partition ends, ${hex(offset)} or higher here`,
      );
    case 'computed':
      return row.type === BOOTLOADER_TYPE
        ? options.tableOffset - primaryBootloaderOffset(row, options)
        : TABLE_SECTOR_SIZE;
  }
}

// Every bootloader partition is as large as the room that the primary one has.
function primaryBootloaderOffset(row: CsvRow, options: PlacementOptions): number {
  const offset = options.primaryBootloaderOffset;
  if (offset === undefined) {
    throw rowError(
      row,
      'is a bootloader; the primary bootloader offset must be given to know its size',
    );
  }
  if (offset < options.tableOffset) return offset;
  throw rowError(
    row,
    `is a bootloader, but the primary bootloader offset ${hex(offset)} is not below the partition table ` +
      `at ${hex(options.tableOffset)}`,
  );
}

function partitionOf(row: CsvRow, offset: number, size: number): PlacedPartition {
  const { line, name, type, subtype, encrypted, readonly } = row;
  return { line, name, type, subtype, offset, size, encrypted, readonly };
}

function belowCursor(
  partition: PlacedPartition,
  before: readonly PlacedPartition[],
  cursor: number,
  tableOffset: number,
): FormatError {
  const free = hex(alignUp(cursor, offsetAlignment(partition.type)));
  const isRecovery = partition.type === BOOTLOADER_TYPE && partition.subtype === RECOVERY_SUBTYPE;
  const advice = `use ${free} or higher${isRecovery ? '' : ', or leave the offset empty'}`;
  const starts = `${named(partition)} starts at ${hex(partition.offset)}`;
  const other = before.findLast((earlier) => overlaps(partition, earlier));
  const last = before.at(-1);
  const problem =
    other !== undefined
      ? `${starts}, but ${named(other)} ends at ${hex(other.offset + other.size)}; ${advice}`
      : last === undefined || partition.offset < tableOffset + TABLE_SECTOR_SIZE
        ? `${starts}, but the partition table takes ${hex(tableOffset)} to ` +
          `${hex(tableOffset + TABLE_SECTOR_SIZE)} and partitions come after it; ${advice}`
        : `${starts}, below ${named(last)} at ${hex(last.offset)}: rows must be in ascending order of their ` +
          `offsets; move line ${partition.line} up, or ${advice}`;
  return new FormatError('CSV_OVERLAP', problem, { where: { line: partition.line } });
}

function overlaps(one: Partition, other: Partition): boolean {
  return one.offset < other.offset + other.size && other.offset < one.offset + one.size;
}

function named({ line, name }: { readonly line: number; readonly name: string }): string {
  return `line ${line} '${name}'`;
}

function rowError(row: CsvRow, problem: string): FormatError {
  return new FormatError('CSV_SYNTAX', `${named(row)} ${problem}`, { where: { line: row.line } });
}
