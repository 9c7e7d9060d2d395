import { stripVTControlCharacters } from 'node:util';
import { hex } from '../../errors/hex.ts';
import { subtypeName, typeName } from '../../format/partition-types.ts';
import type { FlashRegion } from '../../partition/flash-map.ts';
import type { Colours } from '../output.ts';
import { printable } from './printable.ts';
import { formatSize } from './size.ts';
import { renderTable, type Column } from './table.ts';

type Cells = Readonly<
  Record<'offset' | 'end' | 'size' | 'bytes' | 'name' | 'type' | 'used', string>
>;

const COLUMNS: Readonly<Record<keyof Cells, Column>> = {
  offset: { title: 'offset' },
  end: { title: 'end' },
  size: { title: 'size', align: 'right' },
  bytes: { title: '' },
  name: { title: 'name' },
  type: { title: 'type' },
  used: { title: 'used' },
};

/** What is left out where a terminal is narrow, widest first. */
const SHAPES: readonly { readonly columns: readonly (keyof Cells)[]; readonly bar: number }[] = [
  { columns: ['offset', 'end', 'size', 'bytes', 'name', 'type', 'used'], bar: 12 },
  { columns: ['offset', 'size', 'bytes', 'name', 'type', 'used'], bar: 10 },
  { columns: ['offset', 'size', 'bytes', 'name', 'type', 'used'], bar: 6 },
  { columns: ['offset', 'size', 'name', 'type', 'used'], bar: 6 },
];

/** What a map is drawn on: the width of a terminal, and its colours. */
export type Canvas = { readonly width: number; readonly colours: Colours };

/** From here on a slot is nearly full: the next version may not fit. */
const NEARLY_FULL = 95;

/**
 * A flash map as a table: where each region lies, how large it is, and how full it is where that is known. Columns are
 * left out where the canvas is too narrow for them.
 */
export function renderFlashMap(
  regions: readonly FlashRegion[],
  { colours, width }: Canvas,
): string {
  let table = '';
  for (const { columns, bar } of SHAPES) {
    const rows = regions.map((region) => {
      const cells = cellsOf(region, digitsOf(regions), drawUse(region, bar, colours));
      return columns.map((column) =>
        region.kind === 'free' ? dim(cells[column], colours) : cells[column],
      );
    });
    const heads = columns.map((column) => COLUMNS[column]);
    table = renderTable(heads, rows, colours);
    if (widthOf(table) <= width) break;
  }
  return table;
}

/** Nothing stays nothing: escape sequences around it would only be in the way. */
function dim(text: string, colours: Colours): string {
  return text === '' ? '' : colours.dim(text);
}

function cellsOf(region: FlashRegion, digits: number, used: string): Cells {
  const { offset, size, name } = region;
  return {
    offset: hex(offset, digits),
    end: hex(offset + size, digits),
    size: formatSize(size),
    bytes: hex(size),
    name: printable(name),
    type: typeOf(region),
    used,
  };
}

function typeOf(region: FlashRegion): string {
  if (region.kind !== 'partition') return '';
  const { type, subtype, flags } = region;
  return [`${typeName(type)}/${subtypeName(type, subtype)}`, ...flags].join(', ');
}

function drawUse({ used, size, note = '' }: FlashRegion, bar: number, colours: Colours): string {
  if (used === undefined || size === 0) return note;
  const percent = percentOf(used, size);
  const filled = used === 0 ? 0 : Math.min(bar, Math.max(1, Math.round((used / size) * bar)));
  const colour =
    percent > 100 ? colours.red : percent >= NEARLY_FULL ? colours.yellow : colours.green;
  const text = `${colour('▇'.repeat(filled))}${dim('░'.repeat(bar - filled), colours)} ${String(percent).padStart(3)} %`;
  return note === '' ? text : `${text}  ${note}`;
}

/** Whole percent that say 0 and 100 only when they are meant, and more than 100 for whatever does not fit. */
function percentOf(used: number, size: number): number {
  if (used === 0 || used === size) return used === 0 ? 0 : 100;
  if (used > size) return Math.max(101, Math.round((used / size) * 100));
  return Math.min(99, Math.max(1, Math.round((used / size) * 100)));
}

/** As many digits as the last end needs, so that offsets line up. */
function digitsOf(regions: readonly FlashRegion[]): number {
  return Math.max(6, ...regions.map(({ offset, size }) => (offset + size).toString(16).length));
}

function widthOf(table: string): number {
  return Math.max(...table.split('\n').map((line) => stripVTControlCharacters(line).length));
}
