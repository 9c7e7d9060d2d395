import type { Chip } from '../chip/chip.ts';
import { SECTOR_SIZE } from '../format/image-trailer.ts';
import type { Partition } from '../format/partition-table.ts';
import {
  BOOTLOADER_TYPE,
  PARTITION_TABLE_TYPE,
  PRIMARY_SUBTYPE,
} from '../format/partition-types.ts';

/** A stretch of flash. Offset and size in bytes. */
export type FlashRegion = {
  readonly name: string;
  readonly offset: number;
  readonly size: number;
  /** Bytes that are taken, where that is known. */
  readonly used?: number;
  /** What there is to say about it instead of a number, such as `erased`. */
  readonly note?: string;
} & (
  | { readonly kind: 'bootloader' | 'table' | 'free' }
  | {
      readonly kind: 'partition';
      readonly type: number;
      readonly subtype: number;
      readonly flags: readonly ('encrypted' | 'readonly')[];
    }
);

export type FlashContents = {
  /** Says where the bootloader belongs when there is none. */
  readonly chip?: Pick<Chip, 'bootloaderOffset'>;
  readonly bootloader?: { readonly offset: number; readonly size: number };
  readonly tableOffset: number;
  readonly partitions: readonly Partition[];
  /** Bytes of flash; unsaid, the map ends with the last partition. */
  readonly flashSize?: number;
  /** Bytes used, by partition name. */
  readonly usage?: ReadonlyMap<string, number>;
  /** What to say about a partition, by its name. */
  readonly notes?: ReadonlyMap<string, string>;
};

/**
 * What lies where in flash, by ascending offset and without gaps from 0 to the end of flash, or of the last partition
 * where that is further. Regions overlap only where partitions do. The bootloader's region reaches to the table, which
 * is the room that it has. Rows for the primary bootloader and table are those regions, not partitions of their own.
 * Source: ESP-IDF, "Partition Tables"; the table takes one flash sector.
 */
export function flashMap(contents: FlashContents): readonly FlashRegion[] {
  const { tableOffset, partitions, flashSize = 0 } = contents;
  const placed: FlashRegion[] = [
    ...bootloaderRegion(contents),
    { kind: 'table', name: 'partition table', offset: tableOffset, size: SECTOR_SIZE },
    ...partitions
      .filter((partition) => !isPrimary(partition))
      .map((partition) => partitionRegion(partition, contents)),
  ];
  placed.sort((a, b) => a.offset - b.offset);
  return withGaps(placed, flashSize);
}

function partitionRegion(partition: Partition, { usage, notes }: FlashContents): FlashRegion {
  const { name, type, subtype, offset, size } = partition;
  const used = usage?.get(name);
  const note = notes?.get(name);
  const facts = {
    ...(used === undefined ? {} : { used }),
    ...(note === undefined ? {} : { note }),
  };
  const flags = (['encrypted', 'readonly'] as const).filter((flag) => partition[flag]);
  return { kind: 'partition', name, type, subtype, flags, offset, size, ...facts };
}

function bootloaderRegion({ chip, bootloader, tableOffset }: FlashContents): FlashRegion[] {
  const offset = bootloader?.offset ?? chip?.bootloaderOffset;
  if (offset === undefined || offset >= tableOffset) return [];
  const region = {
    kind: 'bootloader',
    name: 'bootloader',
    offset,
    size: tableOffset - offset,
  } as const;
  return [bootloader === undefined ? region : { ...region, used: bootloader.size }];
}

function isPrimary({ type, subtype }: Partition): boolean {
  return subtype === PRIMARY_SUBTYPE && (type === BOOTLOADER_TYPE || type === PARTITION_TABLE_TYPE);
}

function withGaps(placed: readonly FlashRegion[], flashSize: number): FlashRegion[] {
  const regions: FlashRegion[] = [];
  let end = 0;
  for (const region of placed) {
    if (region.offset > end) regions.push(gap(end, region));
    regions.push(region);
    end = Math.max(end, region.offset + region.size);
  }
  if (flashSize > end)
    regions.push({ kind: 'free', name: 'free', offset: end, size: flashSize - end });
  return regions;
}

/** What lies below the bootloader belongs to the chip (Secure Boot V1 digest, key manager): nobody else may use it. */
function gap(end: number, next: FlashRegion): FlashRegion {
  const isBelow = end === 0 && (next.kind === 'bootloader' || next.kind === 'table');
  return {
    kind: 'free',
    name: isBelow ? reservedName(next) : 'free',
    offset: end,
    size: next.offset - end,
  };
}

function reservedName({ kind }: FlashRegion): string {
  return kind === 'bootloader' ? 'reserved' : 'bootloader area';
}
