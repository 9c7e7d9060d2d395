import { FormatError } from '../errors/families.ts';
import { hex } from '../errors/hex.ts';
import { shortened } from './partition-csv-text.ts';

/** Columns of a partition CSV, in order; more columns than these are ignored (gen_esp32part.py). */
const COLUMNS = ['name', 'type', 'subtype', 'offset', 'size', 'flags'] as const;
export type Column = (typeof COLUMNS)[number];

/** One trimmed cell with where it stands; missing cells are empty. */
export type Cell = {
  readonly column: Column;
  readonly text: string;
  readonly where: { readonly line: number; readonly column?: number };
};

const NUMBER =
  /^[+-]?(?:0x(?:_?[0-9a-f])+|0o(?:_?[0-7])+|0b(?:_?[01])+|[1-9](?:_?[0-9])*|0(?:_?0)*)$/i;
const UNITS: Readonly<Record<string, number>> = { k: 1024, m: 1024 * 1024 };

/**
 * Cuts `row` into its six cells. `exact` says that `row` stands in the file as it is, so that character columns (from
 * 1) mean something.
 */
export function splitCells(
  row: string,
  line: number,
  exact: boolean,
): Readonly<Record<Column, Cell>> {
  const pieces = row.split(',');
  let start = 0;
  const cells = COLUMNS.map((column, index): Cell => {
    const piece = pieces[index];
    if (piece === undefined) return { column, text: '', where: { line } };
    const at = start + piece.length - piece.trimStart().length + 1;
    start += piece.length + 1;
    return { column, text: piece.trim(), where: exact ? { line, column: at } : { line } };
  });
  return Object.fromEntries(cells.map((cell) => [cell.column, cell])) as Record<Column, Cell>;
}

/**
 * A number as gen_esp32part.py takes it: Python's int(text, 0) (decimal without leading zeros, 0x, 0o, 0b, `_` between
 * digits, a sign), then optionally K (1024) or M (1048576). Undefined when it is not one. Not bounded: `0xff…` can
 * give a number that is no longer exact, or Infinity.
 */
export function parseCellNumber(text: string): number | undefined {
  const unit = UNITS[text.slice(-1).toLowerCase()];
  const digits = unit === undefined ? text : text.slice(0, -1).trimEnd();
  if (!NUMBER.test(digits)) return undefined;
  const magnitude = Number(digits.replaceAll(/[+_-]/g, '')) * (unit ?? 1);
  return digits.startsWith('-') && magnitude !== 0 ? -magnitude : magnitude;
}

/** A cell that holds a keyword or a number from 0 to `max`; keywords come first, in any case. */
export function parseKeywordOrNumber(
  cell: Cell,
  keywords: ReadonlyMap<string, number>,
  max: number,
): number {
  const value = keywords.get(cell.text.toLowerCase()) ?? parseCellNumber(cell.text);
  if (value !== undefined && value >= 0 && value <= max) return value;
  const names = [...keywords.keys()].join(', ');
  throw cellError(
    cell,
    `expected ${names === '' ? '' : `${names} or `}a number from 0 to ${hex(max)}`,
  );
}

/** The error for a cell: names the column and what it holds; `problem` says what is wrong or expected. */
export function cellError(cell: Cell, problem: string): FormatError {
  const { column, text, where } = cell;
  return new FormatError(
    'CSV_SYNTAX',
    `the ${column} column ${text === '' ? 'is empty' : `holds '${shortened(text)}'`}; ` + problem,
    { where },
  );
}
