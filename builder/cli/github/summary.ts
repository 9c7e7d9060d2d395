import { isOtaSlot } from '../../format/partition-types.ts';
import type { Manifest } from '../../manifest/manifest.ts';
import type { MatrixEntry } from '../../plan/matrix.ts';
import { printable } from '../render/printable.ts';
import { formatSize } from '../render/size.ts';

/** A table in Markdown: its head with the line below it, and its rows. */
export type Table = { readonly head: string; readonly rows: readonly string[] };

/** A release as a row: board, sizes, room that is left in the smallest slot, digests of keys, warnings. */
export function releaseTable(manifest: Manifest): Table {
  const { board, variant, chip, version, secureVersion, artifacts, partitions, signing } = manifest;
  const app = artifacts.find(({ role }) => role === 'app')?.size ?? 0;
  const slot = Math.min(...partitions.filter(isOtaSlot).map(({ size }) => size));
  const keys = (signing?.keys ?? []).map(
    ({ digest, development }) => `\`${digest}\`${development === true ? ' (development)' : ''}`,
  );
  return table(
    ['board', 'chip', 'version', 'secure_version', 'app', 'slot', 'left', 'keys', 'warnings'],
    [
      [
        cell(variant === undefined ? board : `${board} ${variant}`),
        cell(chip),
        cell(version),
        String(secureVersion),
        formatSize(app),
        formatSize(slot),
        `${formatSize(slot - app)} (${Math.floor(((slot - app) / slot) * 100)} %)`,
        keys.length === 0 ? 'not signed' : keys.join('<br>'),
        manifest.warnings.map(({ message }) => cell(message)).join('<br>'),
      ],
    ],
  );
}

/** What a matrix is about to build. */
export function matrixTable(entries: readonly MatrixEntry[]): Table {
  return table(
    ['planned', 'chip', 'version', 'secure_version', 'layout', 'signatures'],
    entries.map(({ board, variant, chip, version, secureVersion, layout, scheme }) => [
      cell(variant === '' ? board : `${board} ${variant}`),
      cell(chip),
      cell(version),
      String(secureVersion),
      cell(layout),
      scheme === '' ? 'none' : scheme,
    ]),
  );
}

function table(titles: readonly string[], rows: readonly (readonly string[])[]): Table {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return {
    head: `${line(titles)}\n${line(titles.map(() => '---'))}\n`,
    rows: rows.map(line),
  };
}

/** Text from a file, as text: no line, cell, link, image or HTML of it reaches the page. */
function cell(text: string): string {
  return printable(text)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replace(/[\\`*_{}[\]()#+!|~@:-]/g, (character) => `&#${character.charCodeAt(0)};`);
}
