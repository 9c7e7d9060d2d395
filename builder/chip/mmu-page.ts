import type { Chip } from './chip.ts';

const MIB = 0x100000;

/**
 * The MMU page size in bytes that an app was built for: from its description where that says (log2, ESP-IDF 5.4 and
 * later), else the chip's only size, else ESP-IDF's default for the flash size.
 * Source: ESP-IDF components/soc/Kconfig, MMU_PAGE_SIZE: 16 KB for 1 MB of flash, 32 KB for 2 MB, 64 KB from 4 MB on.
 */
export function mmuPageSize(chip: Chip, log2: number, flashSizeBytes: number): number {
  const stated = 2 ** log2;
  if (log2 !== 0 && chip.mmuPageSizes.includes(stated)) return stated;
  const [largest = 0x10000] = chip.mmuPageSizes;
  if (chip.mmuPageSizes.length === 1 || flashSizeBytes >= 4 * MIB) return largest;
  const byFlash = flashSizeBytes >= 2 * MIB ? 0x8000 : 0x4000;
  return chip.mmuPageSizes.includes(byFlash) ? byFlash : largest;
}
