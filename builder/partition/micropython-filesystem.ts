import { hex } from '../errors/hex.ts';
import type { Partition } from '../format/partition-table.ts';
import type { Warning } from '../pipeline/context.ts';

/** From this release on MicroPython makes a `vfs` partition of the free end of flash by itself. */
const AUTOMATIC_FROM = [1, 26] as const;

/**
 * Warns when MicroPython would start without a file system: it mounts the partition `vfs` (or `ffat`), and from v1.26
 * on, when there is none, makes one behind the last partition. Takes the version with its leading v.
 * Source: MicroPython ports/esp32/modules/inisetup.py and flashbdev.py; esp32_partition.c from v1.26 on.
 */
export function filesystemWarning(
  partitions: readonly Partition[],
  version: string | undefined,
  flashSize: number,
): Warning[] {
  if (partitions.some(({ name }) => name === 'vfs' || name === 'ffat')) return [];
  const match = /^v(\d+)\.(\d+)/.exec(version ?? '');
  const end = Math.max(...partitions.map(({ offset, size }) => offset + size));
  const isOld =
    match !== null &&
    Number(match[1]) * 1000 + Number(match[2]) < AUTOMATIC_FROM[0] * 1000 + AUTOMATIC_FROM[1];
  if (isOld) {
    return [
      {
        code: 'NO_FILESYSTEM',
        message: `the layout has no partition 'vfs', and MicroPython ${version ?? ''} makes none by itself (v1.26 does): there will be no file system`,
      },
    ];
  }
  if (end < flashSize) return [];
  return [
    {
      code: 'NO_FILESYSTEM',
      message: `the layout has no partition 'vfs' and nothing is free behind ${hex(end)}: MicroPython will have no file system`,
    },
  ];
}
