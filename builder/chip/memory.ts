import type { Chip, MemoryKind, MemoryRange } from './chip.ts';

/**
 * Kinds of memory at an address of `chip`, each once, in the order of the chip's table; empty where no loader maps or
 * loads (ESP-IDF components/soc, soc.h). Mapped ranges are those of 64 KiB pages.
 */
export function memoryKindsAt(chip: Chip, address: number): readonly MemoryKind[] {
  return [...new Set(rangesAt(chip, address).map(({ kind }) => kind))];
}

/**
 * Whether the bootloader maps a segment at `address` from flash instead of copying it, so that its place in flash must
 * be congruent with `address` modulo the MMU page size (ESP-IDF esp_image_format.c, should_map).
 */
export function isMapped(chip: Chip, address: number): boolean {
  return rangesAt(chip, address).some(({ mapped }) => mapped);
}

function rangesAt(chip: Chip, address: number): readonly MemoryRange[] {
  return chip.memory.filter(({ range: [start, end] }) => address >= start && address < end);
}
