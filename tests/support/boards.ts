import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Chip } from '../../builder/chip/chip.ts';
import { findChipByName } from '../../builder/chip/registry.ts';

const PROFILES = join(import.meta.dirname, '..', '..', 'profiles');

/** Every board that the package has a profile for, with its chip. */
export const BOARDS: readonly { readonly board: string; readonly chip: Chip }[] = readdirSync(
  PROFILES,
)
  .filter((name) => name.endsWith('.yaml'))
  .sort()
  .map((name) => {
    const chipName = /^chip: (\w+)$/m.exec(readFileSync(join(PROFILES, name), 'utf8'))?.[1];
    const chip = findChipByName(chipName ?? '');
    if (chip === undefined) throw new Error(`${name} names no chip`);
    return { board: name.replace('.yaml', ''), chip };
  });

/** The chip of a board that the package has a profile for. */
export function chipOf(board: string): Chip {
  const found = BOARDS.find((candidate) => candidate.board === board);
  if (found === undefined) throw new Error(`no profile for ${board}`);
  return found.chip;
}

/** The files of a release that was made from a full-flash image and signed, sorted as `ls` would in C's locale. */
export function releaseFiles(stem: string): readonly string[] {
  return [
    `${stem}.app-bin`,
    `${stem}.bin`,
    `${stem}.cdx.json`,
    `${stem}.zip`,
    'SHA256SUMS',
    'bootloader.bin',
    'flash_args',
    'flasher_args.json',
    'manifest.json',
    'manifest.json.sig',
    'otadata.bin',
    'partition-table.bin',
    'partitions.csv',
  ].sort();
}
