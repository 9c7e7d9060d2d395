import { FormatError } from '../errors/families.ts';
import { hex } from '../errors/hex.ts';
import { splitCells } from './partition-csv-cell.ts';
import { parseCsvRow, type CsvRow } from './partition-csv-row.ts';
import { decodeCsvLines, expandVariables, type Environment } from './partition-csv-text.ts';
import type { Partition } from './partition-row.ts';
import { subtypeName, typeName, type ExtraSubtype } from './partition-types.ts';

export type { CsvRow } from './partition-csv-row.ts';
export { placePartitions, type PlacedPartition } from './partition-placement.ts';

type CsvOptions = {
  readonly extraSubtypes?: readonly ExtraSubtype[];
  /** Without it, every variable in the file is an error. */
  readonly environment?: Environment;
};

/**
 * Reads a partition CSV: columns name, type, subtype, offset, size, flags; blank lines and lines that start with `#`
 * are skipped, a `#` further on is part of its cell. The language is gen_esp32part.py's. Where that cuts a name or
 * lets a number overflow, and for a file without rows, this refuses.
 * @throws FormatError CSV_SYNTAX with `where.line`, and `where.column` (character) for a cell without variables;
 * TOO_LARGE for more than 1 MiB.
 */
export function parsePartitionCsv(bytes: Uint8Array, options: CsvOptions = {}): readonly CsvRow[] {
  const rows: CsvRow[] = [];
  decodeCsvLines(bytes).forEach((text, index) => {
    const line = index + 1;
    if (isSkipped(text)) return;
    const expanded = expandVariables(text, options.environment ?? {}, line);
    if (isSkipped(expanded)) return;
    const cells = splitCells(expanded, line, expanded === text);
    rows.push(parseCsvRow(cells, options.extraSubtypes ?? []));
  });
  if (rows.length > 0) return rows;
  throw new FormatError(
    'CSV_SYNTAX',
    'partition CSV has no partitions: every line is blank or a comment; expected at least one row of ' +
      'name, type, subtype, offset, size, flags',
    { where: { line: 1 } },
  );
}

/**
 * Writes `partitions` as gen_esp32part.py does: two comment lines, then `name,type,subtype,0xoffset,size,flags`, the
 * size in M or K where it divides. Tables in ascending order without overlaps come back the same from
 * parsePartitionCsv and placePartitions.
 * @throws FormatError BAD_VALUE for a name that CSV has no way to write.
 */
export function formatPartitionCsv(partitions: readonly Partition[]): string {
  const rows = partitions.map((partition) => {
    const { name, type, subtype, offset, size } = partition;
    checkWritable(name);
    const flags = [partition.encrypted && 'encrypted', partition.readonly && 'readonly'];
    return [
      name,
      typeName(type, 'decimal'),
      subtypeName(type, subtype, 'decimal'),
      hex(offset),
      formatSize(size),
      flags.filter((flag) => flag !== false).join(':'),
    ].join(',');
  });
  return ['# Flash partitions', '# name, type, subtype, offset, size, flags', ...rows, ''].join(
    '\n',
  );
}

function isSkipped(text: string): boolean {
  const trimmed = text.trim();
  return trimmed === '' || trimmed.startsWith('#');
}

function formatSize(size: number): string {
  if (size % 0x100000 === 0) return `${size / 0x100000}M`;
  return size % 0x400 === 0 ? `${size / 0x400}K` : hex(size);
}

/** A name that parsePartitionCsv would read as something else. */
function checkWritable(name: string): void {
  const unwritable = /^#|^\s|\s$|,|\$[\w{]|(?!\t)[\p{Cc}\p{Surrogate}\u2028\u2029\uFEFF]/u;
  if (!unwritable.test(name)) return;
  throw new FormatError(
    'BAD_VALUE',
    `partition name ${JSON.stringify(name)} cannot be written as CSV: a comma, a leading '#', a variable ` +
      'reference, space at an end and control characters mean something else there; rename the partition',
  );
}
