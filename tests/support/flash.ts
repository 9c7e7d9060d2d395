import type { Chip } from '../../builder/chip/chip.ts';
import { encodePartitionTable, type Partition } from '../../builder/format/partition-table.ts';
import { makeBootloader } from './firmware.ts';

/** Flash contents by offset; erased in between, and up to the end of the last. */
export function flashWith(parts: Readonly<Record<number, Uint8Array>>): Buffer {
  const placed = Object.entries(parts).map(([offset, bytes]) => ({
    offset: Number(offset),
    bytes,
  }));
  const end = Math.max(...placed.map(({ offset, bytes }) => offset + bytes.length));
  const flash = Buffer.alloc(end, 0xff);
  for (const { offset, bytes } of placed) flash.set(bytes, offset);
  return flash;
}

/** A dump of flash from 0 on: bootloader, this table at 0x8000, and these parts. */
export function dumpWith(
  chip: Chip,
  partitions: readonly Partition[],
  parts: Readonly<Record<number, Uint8Array>>,
): Buffer {
  return flashWith({
    [chip.bootloaderOffset]: makeBootloader({ chip }),
    0x8000: encodePartitionTable(partitions),
    ...parts,
  });
}
