import { hex } from '../errors/hex.ts';
import {
  cellError,
  parseCellNumber,
  parseKeywordOrNumber,
  type Cell,
  type Column,
} from './partition-csv-cell.ts';
import { partitionNameProblem, type Partition } from './partition-row.ts';
import {
  APP_TYPE,
  BOOTLOADER_TYPE,
  PARTITION_TABLE_TYPE,
  PRIMARY_SUBTYPE,
  RECOVERY_SUBTYPE,
  subtypeKeywords,
  typeKeywords,
  UNDEFINED_SUBTYPE,
  type ExtraSubtype,
} from './partition-types.ts';

/** The size column: a length, an address that the partition ends at (exclusive), or not the column's to say. */
type CsvSize =
  | { readonly kind: 'bytes'; readonly bytes: number }
  | { readonly kind: 'endsAt'; readonly address: number }
  | { readonly kind: 'computed' };

/** A row as it is written, before it has a place: see placePartitions. */
export type CsvRow = Omit<Partition, 'offset' | 'size'> & {
  /** From 1. */
  readonly line: number;
  /** Undefined: to be found while placing. */
  readonly offset: number | undefined;
  readonly size: CsvSize;
};

const U32_MAX = 0xffff_ffff;
const NUMBER_FORMS = '0x10000, 65536, 64K or 1M';

/**
 * Reads the cells of one row. An empty subtype means `undefined` (0x06) for every type but app; what the rows of the
 * bootloader and of the table itself say of offset and size is ignored (gen_esp32part.py).
 * @throws FormatError CSV_SYNTAX that names the cell.
 */
export function parseCsvRow(
  cells: Readonly<Record<Column, Cell>>,
  extraSubtypes: readonly ExtraSubtype[],
): CsvRow {
  const problem = partitionNameProblem(cells.name.text);
  if (problem !== undefined) {
    throw cellError(cells.name, `that ${problem}`);
  }
  const type = parseKeywordOrNumber(cells.type, typeKeywords(), 0xff);
  const subtype = parseSubtype(cells.subtype, type, extraSubtypes);
  return {
    line: cells.name.where.line,
    name: cells.name.text,
    type,
    subtype,
    offset: isPlacedByOptions(type, subtype) ? undefined : parseOffset(cells.offset),
    size: isSizedByOptions(type) ? { kind: 'computed' } : parseSize(cells.size),
    ...parseFlags(cells.flags),
  };
}

function isPlacedByOptions(type: number, subtype: number): boolean {
  return (
    (isSizedByOptions(type) && subtype === PRIMARY_SUBTYPE) ||
    (type === BOOTLOADER_TYPE && subtype === RECOVERY_SUBTYPE)
  );
}

function isSizedByOptions(type: number): boolean {
  return type === BOOTLOADER_TYPE || type === PARTITION_TABLE_TYPE;
}

function parseSubtype(cell: Cell, type: number, extraSubtypes: readonly ExtraSubtype[]): number {
  if (cell.text === '' && type !== APP_TYPE) return UNDEFINED_SUBTYPE;
  return parseKeywordOrNumber(cell, subtypeKeywords(type, extraSubtypes), 0xff);
}

function parseOffset(cell: Cell): number | undefined {
  if (cell.text === '') return undefined;
  const offset = parseCellNumber(cell.text);
  if (offset !== undefined && offset >= 0 && offset <= U32_MAX) return offset;
  throw cellError(
    cell,
    `expected an offset up to ${hex(U32_MAX)} such as ${NUMBER_FORMS}, or nothing`,
  );
}

function parseSize(cell: Cell): CsvSize {
  const size = parseCellNumber(cell.text);
  if (size === undefined || Math.abs(size) > U32_MAX) {
    throw cellError(
      cell,
      `expected a size up to ${hex(U32_MAX)} such as ${NUMBER_FORMS}, or the end address with a minus sign`,
    );
  }
  return size < 0 ? { kind: 'endsAt', address: -size } : { kind: 'bytes', bytes: size };
}

function parseFlags(cell: Cell): Pick<Partition, 'encrypted' | 'readonly'> {
  const flags = cell.text.split(':');
  if (!flags.every((flag) => flag === '' || flag === 'encrypted' || flag === 'readonly')) {
    throw cellError(cell, "expected encrypted, readonly, both joined by ':', or nothing");
  }
  return { encrypted: flags.includes('encrypted'), readonly: flags.includes('readonly') };
}
