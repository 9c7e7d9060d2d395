import type { Chip } from '../chip/chip.ts';
import { LayoutError, ProfileError } from '../errors/families.ts';
import { hex } from '../errors/hex.ts';
import type { Plan } from '../plan/plan.ts';
import type { MicroPythonBanner } from './micropython-banner.ts';

/** Throws ProfileError when firmware, called `name` in messages, is for another chip than the board has. */
export function requireChip(
  found: Chip,
  wanted: Chip,
  { name, board }: { readonly name: string; readonly board: string },
): void {
  if (found.chipId === wanted.chipId) return;
  throw new ProfileError(
    'BOARD_MISMATCH',
    `${name} is firmware for ${found.title}, but board ${board} has an ${wanted.title}`,
    {
      where: { file: name },
      hint: `Take an image for ${wanted.title}, or name a board with ${found.title}.`,
    },
  );
}

/** Bootloader and app were compiled for one table offset: throws LayoutError when the plan puts the table elsewhere. */
export function requireTableOffset(found: number, plan: Plan, name: string): void {
  if (found === plan.partitionTableOffset) return;
  throw new LayoutError(
    'TABLE_OFFSET',
    `${name} was built for a partition table at ${hex(found)}; the profile of ${plan.board} puts it at ${hex(plan.partitionTableOffset)}`,
    {
      hint: `Set partitions.tableOffset to ${hex(found)} in the profile: a finished image cannot be moved.`,
    },
  );
}

/** `: MicroPython v1.23.0 for 'Generic ESP32 module' with ESP32`, to be appended to what a file is. */
export function describeMicroPython(micropython: MicroPythonBanner | undefined): string {
  if (micropython === undefined) return ', without a MicroPython banner';
  const { version, board, mcu } = micropython;
  return `: MicroPython ${version}${board === undefined ? '' : ` for '${board}' with ${mcu ?? '?'}`}`;
}
