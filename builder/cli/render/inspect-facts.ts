import { stripVTControlCharacters } from 'node:util';
import { hex } from '../../errors/hex.ts';
import type { FlashRegion } from '../../partition/flash-map.ts';
import type { Output } from '../output.ts';
import { renderFlashMap } from './flash-map.ts';
import { printable } from './printable.ts';
import { formatSize } from './size.ts';

/** A label, of at most 13 characters, and what is to be said. An empty label goes on with the one above. */
export type Fact = readonly [label: string, value: string];

const INDENT = '  ';
const LABEL_WIDTH = 14;

/** Facts below each other, values aligned and wrapped between words to the width of `output`. */
export function renderFacts(facts: readonly Fact[], { colours, width }: Output): string {
  return facts
    .map(([label, value]) => {
      const [first = '', ...rest] = wrap(value, width - INDENT.length - LABEL_WIDTH);
      const head = `${INDENT}${colours.dim(label.padEnd(LABEL_WIDTH))}${first}`;
      return [
        head,
        ...rest.map((line) => `${' '.repeat(INDENT.length + LABEL_WIDTH)}${line}`),
      ].join('\n');
    })
    .join('\n');
}

/** Parts with an empty line between them; those that are empty are left out. */
export function joinParts(parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join('\n\n');
}

/** A heading, with a place beside it, above its parts. */
export function renderSection(
  heading: Fact,
  parts: readonly string[],
  { colours }: Output,
): string {
  const [title, place] = heading;
  const head = place === '' ? colours.bold(title) : `${colours.bold(title)}  ${colours.dim(place)}`;
  return `${head}\n${joinParts(parts)}`;
}

/** Text wrapped between words to the width of `output`. */
export function renderParagraph(text: string, { width }: Output): string {
  return wrap(text, width).join('\n');
}

/** Every line moved to the right, as far as facts are. */
export function indent(text: string): string {
  return text
    .split('\n')
    .map((line) => (line === '' ? '' : `${INDENT}${line}`))
    .join('\n');
}

/** Warnings and remarks, a paragraph each. */
export function renderWarnings(messages: readonly string[], output: Output): string {
  return messages
    .map((message) =>
      renderParagraph(`${output.colours.yellow('warning:')} ${printable(message)}`, output),
    )
    .join('\n');
}

/** A flash map as far to the right as facts are. */
export function renderIndentedMap(
  regions: readonly FlashRegion[],
  { colours, width }: Output,
): string {
  return indent(renderFlashMap(regions, { colours, width: width - INDENT.length }));
}

/** Revisions from `min` to `max`, in words; null: no limit. */
export function revisionRange(min: string, max: string | null): string {
  if (max !== null) return `revisions ${min} to ${max}`;
  return min === 'v0.0' ? 'any revision' : `revision ${min} or later`;
}

/** Text from a file, for people: an empty one is said to be. */
export function shown(text: string): string {
  return text === '' ? '(empty)' : printable(text);
}

/** `1.65 MiB (1734240 bytes)`. */
export function sizeInBytes(bytes: number): string {
  return bytes < 1024 ? `${bytes} bytes` : `${formatSize(bytes)} (${bytes} bytes)`;
}

/** `at 0x1000, 22.5 KiB`. */
export function placeOf(offset: number, size: number): string {
  return `at ${hex(offset)}, ${formatSize(size)}`;
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last === undefined || widthOf(last) + 1 + widthOf(word) > width) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}

function widthOf(text: string): number {
  return stripVTControlCharacters(text).length;
}
